{{- define "log-sidecar-webhook.labels" -}}
app.kubernetes.io/name: log-sidecar-webhook
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "log-sidecar-webhook.name" -}}
{{- if contains "log-sidecar-webhook" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-log-sidecar-webhook{{ end -}}
{{- end }}

{{- define "log-sidecar-webhook.secret" -}}
{{- .Values.certificate.secretName | default (printf "%s-tls" (include "log-sidecar-webhook.name" .)) -}}
{{- end }}
