{{- define "videoqa.name" -}}
{{- if contains "videoqa" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-videoqa" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels that select the pods of a role: (list . "worker") */}}
{{- define "videoqa.selector" -}}
app.kubernetes.io/name: videoqa
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "videoqa.labels" -}}
{{ include "videoqa.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{- define "videoqa.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary (include "videoqa.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* The brokers of the file of settings, however they are written there. */}}
{{- define "videoqa.brokers" -}}
{{- $brokers := .Values.config.kafka_brokers | default (dig "kafka" "brokers" "" .Values.config) }}
{{- if kindIs "slice" $brokers }}{{ join "," $brokers }}{{ else }}{{ $brokers | default "" }}{{ end }}
{{- end }}

{{- define "videoqa.group" -}}
{{ .Values.config.kafka_group | default (dig "kafka" "group" "videoqa" .Values.config) }}
{{- end }}
