{{/* What would start and then not do what is expected is refused here, where it is read. */}}
{{- define "videoqa.refusals" -}}
{{- if not (include "videoqa.setting" (list . "VIDEOQA_KAFKA_BROKERS" "" (include "videoqa.brokers" .))) }}
{{- fail "config.kafka.brokers is empty: a broker inside one pod would be seen by no other" }}
{{- end }}
{{- if not (include "videoqa.setting" (list . "VIDEOQA_STORE_URL" "" "")) }}
{{- fail "secrets has no VIDEOQA_STORE_URL: processes of one group share their outcomes in PostgreSQL" }}
{{- end }}
{{- $spool := include "videoqa.spool" . }}
{{- if and (hasPrefix "s3:" $spool) (not (include "videoqa.s3Endpoint" .)) }}
{{- fail (printf "config.s3.endpoint is empty, and uploads lie in %s: no process would start without knowing where that is" $spool) }}
{{- end }}
{{- if .Values.api.enabled }}
{{- if not (or (hasPrefix "s3://" $spool) (eq $spool "unseen")) }}
{{- fail (printf "spool.url is not s3://BUCKET/PREFIX but %q: the API and the workers run apart, and a folder of one is not seen by the others, so that no upload could be answered" $spool) }}
{{- end }}
{{- if not .Values.api.keys.secret }}
{{- fail "api.keys.secret is empty: without keys the API listens on loopback only" }}
{{- end }}
{{- end }}
{{- if not (has .Values.worker.autoscaling.kind (list "none" "keda" "hpa")) }}
{{- fail "worker.autoscaling.kind is none of none, keda, hpa" }}
{{- end }}
{{- if and (eq .Values.worker.autoscaling.kind "keda") (not .Values.worker.autoscaling.lag.enabled) (not .Values.worker.autoscaling.answerAge.enabled) }}
{{- fail "worker.autoscaling.kind is keda, and neither lag nor answerAge is enabled" }}
{{- end }}
{{- end }}
