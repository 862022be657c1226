package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// schema is applied step by step; videoqa_schema counts the steps.
var schema = []string{`
CREATE TABLE videoqa_clips (
	clip_id    text PRIMARY KEY,
	uri        text NOT NULL DEFAULT '',
	camera     text NOT NULL DEFAULT '',
	start_ms   bigint,
	end_ms     bigint,
	digest     text NOT NULL DEFAULT '',
	put_ms     bigint,
	closed_ms  bigint,
	gone_ms    bigint,
	touched_ms bigint NOT NULL
);
CREATE INDEX videoqa_clips_by_camera ON videoqa_clips (camera, start_ms) WHERE camera <> '';
CREATE INDEX videoqa_clips_by_touch ON videoqa_clips (touched_ms);
CREATE TABLE videoqa_cameras (
	camera     text PRIMARY KEY,
	reached_ms bigint NOT NULL
);
CREATE TABLE videoqa_outcomes (
	question_id text PRIMARY KEY,
	request     text NOT NULL,
	state       text NOT NULL,
	message     bytea,
	settled_ms  bigint,
	answer_id   text NOT NULL DEFAULT '',
	camera      text NOT NULL DEFAULT '',
	start_ms    bigint,
	end_ms      bigint
);
CREATE INDEX videoqa_outcomes_by_answer ON videoqa_outcomes (answer_id) WHERE answer_id <> '';
CREATE INDEX videoqa_outcomes_by_camera ON videoqa_outcomes (camera, settled_ms, question_id) WHERE state = 'answered';
CREATE INDEX videoqa_outcomes_by_state ON videoqa_outcomes (state, settled_ms, question_id);
CREATE INDEX videoqa_outcomes_by_time ON videoqa_outcomes (settled_ms) WHERE settled_ms IS NOT NULL;
CREATE TABLE videoqa_outcome_clips (
	clip_id     text NOT NULL,
	question_id text NOT NULL REFERENCES videoqa_outcomes ON DELETE CASCADE,
	PRIMARY KEY (clip_id, question_id)
);
CREATE INDEX videoqa_outcome_clips_by_question ON videoqa_outcome_clips (question_id);
CREATE TABLE videoqa_waiting (
	question_id text PRIMARY KEY,
	request     text NOT NULL,
	record      bytea NOT NULL,
	awaits      text NOT NULL,
	due_ms      bigint NOT NULL,
	until_ms    bigint NOT NULL,
	attempts    integer NOT NULL,
	seen_ms     bigint NOT NULL,
	lease_ms    bigint NOT NULL DEFAULT 0,
	replaces    text NOT NULL DEFAULT ''
);
CREATE INDEX videoqa_waiting_by_due ON videoqa_waiting (due_ms);
CREATE INDEX videoqa_waiting_by_what ON videoqa_waiting (awaits) WHERE awaits <> '';
CREATE TABLE videoqa_claims (
	name       text PRIMARY KEY,
	content    text NOT NULL,
	claimed_ms bigint NOT NULL
);
CREATE INDEX videoqa_claims_by_time ON videoqa_claims (claimed_ms);
CREATE INDEX videoqa_clips_by_uri ON videoqa_clips (uri) WHERE uri <> '';
`, `
DROP INDEX videoqa_waiting_by_due;
CREATE INDEX videoqa_waiting_by_due ON videoqa_waiting (due_ms) WHERE awaits <> 'turn';
CREATE INDEX videoqa_waiting_by_turn ON videoqa_waiting (due_ms, seen_ms) WHERE awaits = 'turn';
`, `
ALTER TABLE videoqa_clips ADD COLUMN gone_seen_ms bigint;
CREATE INDEX videoqa_clips_by_deletion ON videoqa_clips (gone_seen_ms) WHERE gone_seen_ms IS NOT NULL;
`, `
CREATE TABLE videoqa_uploads (
	uri      text PRIMARY KEY,
	lease_ms bigint NOT NULL DEFAULT 0
);
CREATE TABLE videoqa_upload_users (
	uri      text NOT NULL,
	used_by  text NOT NULL,
	since_ms bigint NOT NULL,
	until_ms bigint,
	PRIMARY KEY (uri, used_by)
);
CREATE INDEX videoqa_upload_users_by_user ON videoqa_upload_users (used_by);
CREATE INDEX videoqa_upload_users_by_time ON videoqa_upload_users (since_ms);
CREATE INDEX videoqa_upload_users_by_end ON videoqa_upload_users (until_ms) WHERE until_ms IS NOT NULL;
INSERT INTO videoqa_upload_users SELECT uri, 'clip ' || clip_id, touched_ms, NULL FROM videoqa_clips
	WHERE uri LIKE 'videoqa-media:%' AND put_ms IS NOT NULL AND (gone_ms IS NULL OR put_ms > gone_ms);
DROP INDEX videoqa_clips_by_uri;
`, `
ALTER TABLE videoqa_waiting ADD COLUMN reason text NOT NULL DEFAULT '';
CREATE TABLE videoqa_letters (
	letter_id text PRIMARY KEY,
	message   bytea NOT NULL,
	stored_ms bigint NOT NULL
);
CREATE INDEX videoqa_letters_by_time ON videoqa_letters (stored_ms, letter_id);
CREATE TABLE videoqa_processes (
	process_id text PRIMARY KEY,
	settings   text NOT NULL,
	seen_ms    bigint NOT NULL
);
CREATE INDEX videoqa_clips_by_start ON videoqa_clips (coalesce(start_ms, 9223372036854775807), clip_id) WHERE put_ms IS NOT NULL;
CREATE INDEX videoqa_clips_untimed ON videoqa_clips (camera) WHERE camera <> '' AND (start_ms IS NULL OR end_ms IS NULL);
`, `
ALTER TABLE videoqa_clips ADD COLUMN checksum bytea;
ALTER TABLE videoqa_cameras ADD COLUMN checksum bytea;
ALTER TABLE videoqa_outcomes ADD COLUMN checksum bytea;
ALTER TABLE videoqa_waiting ADD COLUMN checksum bytea;
ALTER TABLE videoqa_claims ADD COLUMN checksum bytea;
ALTER TABLE videoqa_letters ADD COLUMN checksum bytea;
`, `
CREATE TABLE videoqa_properties (
	name  text PRIMARY KEY,
	value text NOT NULL
);
`}

// checked is the step with which rows have checksums.
const checked = 6

// identified is the step with which the tables have an identity.
const identified = 7

// prepare brings the tables up to date; of several processes one does, and the
// others wait for it.
func prepare(ctx context.Context, tx pgx.Tx) error {
	if err := hold(ctx, tx, "schema"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS videoqa_schema (version integer NOT NULL)"); err != nil {
		return err
	}
	var before int
	if err := tx.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM videoqa_schema").Scan(&before); err != nil {
		return err
	}
	if before > len(schema) {
		return fmt.Errorf("the tables have schema %d, this program knows up to %d", before, len(schema))
	}
	for version := before; version < len(schema); version++ {
		if _, err := tx.Exec(ctx, schema[version]); err != nil {
			return err
		}
		if version+1 == checked {
			if err := sealAll(ctx, tx); err != nil {
				return err
			}
		}
		if version+1 == identified {
			if err := identify(ctx, tx, before > 0); err != nil {
				return err
			}
		}
	}
	if before == len(schema) {
		return nil
	}
	_, err := tx.Exec(ctx, "INSERT INTO videoqa_schema VALUES ($1)", len(schema))
	return err
}
