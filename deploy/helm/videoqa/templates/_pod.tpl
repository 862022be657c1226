{{/* The pod of a role: (list . "worker" .Values.worker) */}}
{{- define "videoqa.pod" -}}
{{- $ := index . 0 }}{{ $role := index . 1 }}{{ $own := index . 2 }}
metadata:
  labels: {{- include "videoqa.labels" (list $ $role) | nindent 4 }}
  annotations:
    checksum/config: {{ include (print $.Template.BasePath "/config.yaml") $ | sha256sum }}
    {{- with $.Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "videoqa.serviceAccount" $ }}
  automountServiceAccountToken: false
  # Else every service called videoqa-… would put variables of its own beside ours.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $own.terminationGracePeriodSeconds }}
  {{- with $own.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: videoqa
      image: "{{ $.Values.image.repository }}:{{ $.Values.image.tag | default $.Chart.AppVersion }}"
      imagePullPolicy: {{ $.Values.image.pullPolicy }}
      args: [serve]
      env:
        # The image says VIDEOQA_DATA_DIR, and where models and built graphs lie, all below /var/lib/videoqa.
        - {name: VIDEOQA_CONFIG, value: /etc/videoqa/videoqa.yaml}
        - {name: VIDEOQA_OPS_LISTEN, value: ":8081"}
        - {name: VIDEOQA_ROLE, value: {{ $role }}}
        {{- if $.Values.api.enabled }}
        {{- with $.Values.spool.url }}
        - {name: VIDEOQA_SPOOL_URL, value: {{ . | quote }}}
        {{- end }}
        {{- end }}
        {{- if eq $role "api" }}
        - {name: VIDEOQA_LISTEN, value: ":8080"}
        - {name: VIDEOQA_API_KEYS_FILE, value: /etc/videoqa-keys/{{ $.Values.api.keys.key }}}
        {{- end }}
        {{- if $.Values.media.existingClaim }}
        - {name: VIDEOQA_MEDIA_ROOTS, value: /media}
        {{- end }}
        {{- if $.Values.models.existingClaim }}
        - {name: HF_HOME, value: /models}
        {{- end }}
        {{- range $.Values.secrets }}
        - name: {{ .variable }}
          valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
        {{- end }}
        {{- with $.Values.extraEnv }}{{ toYaml . | nindent 8 }}{{ end }}
      ports:
        - {name: ops, containerPort: 8081}
        {{- if eq $role "api" }}
        - {name: http, containerPort: 8080}
        {{- end }}
      # A first start builds the model's graphs, which takes a while.
      startupProbe:
        httpGet: {path: /health/live, port: ops}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /health/live, port: ops}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /health/ready, port: ops}
        periodSeconds: 5
        timeoutSeconds: 5
      resources: {{- toYaml $own.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: config, mountPath: /etc/videoqa, readOnly: true}
        - {name: data, mountPath: /var/lib/videoqa}
        - {name: tmp, mountPath: /tmp}
        {{- if eq $role "api" }}
        - {name: keys, mountPath: /etc/videoqa-keys, readOnly: true}
        {{- end }}
        {{- if $.Values.models.existingClaim }}
        - {name: models, mountPath: /models, readOnly: true}
        {{- end }}
        {{- if $.Values.media.existingClaim }}
        - {name: media, mountPath: /media, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ include "videoqa.name" $ }}}
    - name: data
      emptyDir: {{- with $own.dataSize }} {sizeLimit: {{ . }}}{{ else }} {}{{ end }}
    - name: tmp
      emptyDir: {}
    {{- if eq $role "api" }}
    - name: keys
      secret: {secretName: {{ $.Values.api.keys.secret }}}
    {{- end }}
    {{- with $.Values.models.existingClaim }}
    - name: models
      persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
    {{- end }}
    {{- with $.Values.media.existingClaim }}
    - name: media
      persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
    {{- end }}
  {{- with $own.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "videoqa.selector" (list $ $role) | nindent 10 }}
{{- end }}
