{{/*
The container, as an item of a list: of initContainers in mode native, of containers in mode classic. First in either.
*/}}
{{- define "log-sidecar.container" -}}
{{- $values := index .Values "log-sidecar" -}}
{{- if and (eq $values.mode "native") (semverCompare "<1.29.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "log-sidecar.mode native needs Kubernetes 1.29; this is %s: use mode classic" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
- name: log-sidecar
  image: {{ printf "%s:%s" $values.image.repository $values.image.tag | quote }}
  imagePullPolicy: {{ $values.image.pullPolicy }}
  {{- if eq $values.mode "native" }}
  restartPolicy: Always
  {{- end }}
  env:
    - {name: SIDECAR_CONFIG, value: /etc/sidecar/sidecar.yaml}
    - {name: SIDECAR_MODE, value: {{ $values.mode }}}
    - {name: SIDECAR_GRACE, value: {{ $values.terminationGracePeriodSeconds | toString | quote }}}
    - {name: SIDECAR_ON_CONFIG_ERROR, value: {{ $values.onConfigError }}}
    {{- if eq $values.mode "classic" }}
    - {name: SIDECAR_POD_RESTART_POLICY, value: {{ $values.podRestartPolicy }}}
    {{- with $values.exitWhen }}
    - {name: SIDECAR_EXIT_WHEN, value: {{ quote . }}}
    {{- end }}
    {{- end }}
    {{- with $values.containerName }}
    - {name: CONTAINER_NAME, value: {{ quote . }}}
    {{- end }}
    - name: POD_NAME
      valueFrom: {fieldRef: {fieldPath: metadata.name}}
    - name: POD_NAMESPACE
      valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
    - name: POD_UID
      valueFrom: {fieldRef: {fieldPath: metadata.uid}}
    - name: NODE_NAME
      valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
    {{- with $values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if eq $values.mode "classic" }}
  lifecycle:
    postStart:
      exec: {command: [sidecar, wait-ready]}
  {{- end }}
  livenessProbe:
    exec: {command: [sidecar, probe, live]}
    periodSeconds: 120
    timeoutSeconds: 10
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  terminationMessagePolicy: FallbackToLogsOnError
  securityContext:
    {{- toYaml $values.securityContext | nindent 4 }}
  volumeMounts:
    - {name: {{ quote $values.log.volumeName }}, mountPath: {{ quote $values.log.mountPath }}, readOnly: true}
    - {name: log-sidecar-state, mountPath: /var/lib/sidecar}
    - {name: log-sidecar-config, mountPath: /etc/sidecar, readOnly: true}
    - {name: log-sidecar-podinfo, mountPath: /etc/podinfo, readOnly: true}
    {{- /* The sidecar needs no access to the API: an empty volume hides the token from it alone. */}}
    - {name: log-sidecar-no-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
    {{- if $values.secretName }}
    - {name: log-sidecar-secret, mountPath: /etc/sidecar-secret, readOnly: true}
    {{- end }}
{{- end -}}
