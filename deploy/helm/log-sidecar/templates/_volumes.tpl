{{/*
The volumes of the container, as items of the volumes of the Pod.
*/}}
{{- define "log-sidecar.volumes" -}}
{{- $values := index .Values "log-sidecar" -}}
{{- if $values.log.createVolume -}}
- {name: {{ quote $values.log.volumeName }}, emptyDir: {sizeLimit: {{ $values.log.sizeLimit }}}}
{{ end -}}
- {name: log-sidecar-state, emptyDir: {sizeLimit: {{ $values.state.sizeLimit }}}}
- name: log-sidecar-config
  configMap: {name: {{ quote $values.configMapName }}}
{{- with $values.secretName }}
- name: log-sidecar-secret
  secret: {secretName: {{ quote . }}, defaultMode: 0440}
{{- end }}
- {name: log-sidecar-no-token, emptyDir: {}}
- name: log-sidecar-podinfo
  downwardAPI:
    items:
      - {path: labels, fieldRef: {fieldPath: metadata.labels}}
{{- end -}}
