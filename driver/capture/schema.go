package capture

// applicationID marks a file as ours: "phob".
const applicationID = 0x70686f62

// schemaVersion is the version of the tables below. A file of a newer version
// is refused, never changed.
const schemaVersion = 1

// schema makes an empty outbox. AUTOINCREMENT keeps ids from being used twice:
// an answer that arrives late must not settle another event. The totals are
// kept by triggers, so that the bound on disk holds over all processes without
// counting every row at every event.
const schema = `
CREATE TABLE queue (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	dest TEXT NOT NULL,
	uuid TEXT NOT NULL,
	at INTEGER NOT NULL,
	payload BLOB NOT NULL,
	size INTEGER NOT NULL,
	sum INTEGER NOT NULL,
	historical INTEGER NOT NULL,
	attempts INTEGER NOT NULL DEFAULT 0,
	not_before INTEGER NOT NULL DEFAULT 0,
	lease TEXT NOT NULL DEFAULT '',
	lease_until INTEGER NOT NULL DEFAULT 0,
	added INTEGER NOT NULL,
	UNIQUE (dest, uuid)
) STRICT;
CREATE INDEX queue_order ON queue (dest, at, id);
CREATE INDEX queue_lease ON queue (lease) WHERE lease <> '';
CREATE TABLE dead (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	dest TEXT NOT NULL,
	uuid TEXT NOT NULL,
	at INTEGER NOT NULL,
	payload BLOB NOT NULL,
	size INTEGER NOT NULL,
	sum INTEGER NOT NULL,
	historical INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	kind TEXT NOT NULL,
	reason TEXT NOT NULL,
	died INTEGER NOT NULL,
	UNIQUE (dest, uuid)
) STRICT;
CREATE TABLE destination (
	id TEXT PRIMARY KEY,
	host TEXT NOT NULL,
	error TEXT NOT NULL DEFAULT '',
	error_at INTEGER NOT NULL DEFAULT 0,
	paused INTEGER NOT NULL DEFAULT 0,
	next_try INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE totals (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	queued INTEGER NOT NULL, queued_bytes INTEGER NOT NULL,
	dead INTEGER NOT NULL, dead_bytes INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0, 0);
CREATE TRIGGER queue_in AFTER INSERT ON queue BEGIN
	UPDATE totals SET queued = queued + 1, queued_bytes = queued_bytes + new.size;
END;
CREATE TRIGGER queue_out AFTER DELETE ON queue BEGIN
	UPDATE totals SET queued = queued - 1, queued_bytes = queued_bytes - old.size;
END;
CREATE TRIGGER dead_in AFTER INSERT ON dead BEGIN
	UPDATE totals SET dead = dead + 1, dead_bytes = dead_bytes + new.size;
END;
CREATE TRIGGER dead_out AFTER DELETE ON dead BEGIN
	UPDATE totals SET dead = dead - 1, dead_bytes = dead_bytes - old.size;
END;
`

// probes name every column that the statements use: a file whose tables do not
// have them is damaged, however well its pages look.
func probes() []string {
	return []string{
		`SELECT id, dest, uuid, at, payload, size, sum, historical, attempts, not_before, lease, lease_until, added FROM queue INDEXED BY queue_order WHERE dest = '' LIMIT 0`,
		`SELECT id, dest, uuid, at, payload, size, sum, historical, attempts, kind, reason, died FROM dead LIMIT 0`,
		`SELECT id, host, error, error_at, paused, next_try FROM destination LIMIT 0`,
	}
}

// recount puts the totals right at every opening: they bound the disk, and
// only a damaged file can have them wrong.
const recount = `
INSERT INTO totals VALUES (1, 0, 0, 0, 0) ON CONFLICT DO NOTHING;
UPDATE totals SET
	queued = (SELECT count(*) FROM queue), queued_bytes = (SELECT coalesce(sum(size), 0) FROM queue),
	dead = (SELECT count(*) FROM dead), dead_bytes = (SELECT coalesce(sum(size), 0) FROM dead)`
