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

{{/*
What a pod finds under a variable, as far as it is known here: (list . VARIABLE OF-THE-CHART OF-THE-FILE). The last of its
entries counts, then the file of settings, because an empty variable is not set. What only a cluster knows is "unseen".
*/}}
{{- define "videoqa.setting" -}}
{{- $ := index . 0 }}{{ $variable := index . 1 }}{{ $said := index . 2 }}
{{- range $.Values.secrets }}{{ if eq .variable $variable }}{{ $said = "unseen" }}{{ end }}{{ end }}
{{- range $.Values.extraEnv }}
{{- if eq .name $variable }}{{ $said = ternary "unseen" (.value | default "") (hasKey . "valueFrom") }}{{ end }}
{{- end }}
{{- $said | default (index . 3) }}
{{- end }}

{{- define "videoqa.spool" -}}
{{ include "videoqa.setting" (list . "VIDEOQA_SPOOL_URL" (ternary .Values.spool.url "" .Values.api.enabled) (.Values.config.spool_url | default (dig "spool" "url" "" .Values.config))) }}
{{- end }}

{{- define "videoqa.s3Endpoint" -}}
{{ include "videoqa.setting" (list . "VIDEOQA_S3_ENDPOINT" "" (.Values.config.s3_endpoint | default (dig "s3" "endpoint" "" .Values.config))) }}
{{- end }}

{{- define "videoqa.group" -}}
{{ .Values.config.kafka_group | default (dig "kafka" "group" "videoqa" .Values.config) }}
{{- end }}
