{{/*
The ConfigMap with sidecar.yaml, as an object of its own.
*/}}
{{- define "log-sidecar.configmap" -}}
{{- $values := index .Values "log-sidecar" -}}
{{- range $name := list "sinks" "pipelines" -}}
{{- if not (index $values.config $name) -}}
{{- fail (printf "log-sidecar.config.%s is empty; docs/reference/configuration.md of log-sidecar says what belongs there" $name) -}}
{{- end -}}
{{- end -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ quote $values.configMapName }}
data:
  sidecar.yaml: |
    {{- toYaml $values.config | nindent 4 }}
{{- end -}}
