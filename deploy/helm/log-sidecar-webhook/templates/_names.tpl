{{- define "log-sidecar-webhook.labels" -}}
app.kubernetes.io/name: log-sidecar-webhook
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "log-sidecar-webhook.name" -}}
{{- if contains "log-sidecar-webhook" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-log-sidecar-webhook{{ end -}}
{{- end }}

{{- define "log-sidecar-webhook.secret" -}}
{{- $name := printf "%s-tls" (include "log-sidecar-webhook.name" .) -}}
{{- if eq .Values.certificate.source "webhook" }}{{ $name }}{{ else }}{{ .Values.certificate.secretName | default $name }}{{ end -}}
{{- end }}
