// Package soak serves a shop's day to processes of the service for a long time, checks every response, and looks for what
// grows: memory, goroutines, descriptors, logs of databases, sessions, times of responses.
package soak

import (
	"fmt"
	"path/filepath"
	"time"
)

// Plan says how long the load lasts and how much it is.
type Plan struct {
	Time time.Duration
	Rate int // visits per second and database, most of them one request
}

const (
	// MinRate is the least Rate at which the impatient client reaches its limit.
	MinRate = 40

	// judged is the shortest run that is looked at for growth: in a shorter one there is no steady state.
	judged = 5 * time.Minute

	tokenLife   = time.Minute
	orderExpiry = 2 * time.Minute
	maxWALSize  = 256 // MB, of PostgreSQL
)

// sessionLife is short enough for the number of sessions to become steady in the first third of the run.
func (p Plan) sessionLife() time.Duration {
	return min(max(90*time.Second, p.Time/6), 10*time.Minute).Truncate(time.Second)
}

func (p Plan) backupEvery() time.Duration {
	return min(max(10*time.Second, p.Time/20), 5*time.Minute).Truncate(time.Second)
}

// bin is the time over which one percentile is taken.
func (p Plan) bin() time.Duration {
	return min(max(5*time.Second, p.Time/30), time.Minute).Truncate(time.Second)
}

// every is the time between two samples.
func (p Plan) every() time.Duration {
	return min(max(2*time.Second, p.Time/360), 10*time.Second).Truncate(time.Second)
}

// customers is the number of accounts. Each visits every 2 or 3 seconds.
func (p Plan) customers() int { return 2 * p.Rate }

// limit is the number of requests that one address may send in ten seconds: more than a customer sends, and less than the
// impatient client does.
func (p Plan) limit() int { return max(12, 3*p.Rate/10) }

// Settings returns the settings of the service. Lives are short, so that much expires and is deleted during the run.
func (p Plan) Settings() []string {
	return []string{
		"TOKEN_TTL=" + tokenLife.String(), "SESSION_TTL=" + p.sessionLife().String(), "ORDER_EXPIRY=" + orderExpiry.String(),
		"RATE_LIMIT=on", fmt.Sprintf("RATE_LIMIT_REQUESTS=%d/10s", p.limit()), "TRUSTED_PROXIES=127.0.0.0/8",
	}
}

// Backups returns the settings of backups into a folder.
func (p Plan) Backups(folder string) []string {
	return []string{"BACKUP_DIR=" + filepath.Clean(folder), "BACKUP_EVERY=" + p.backupEvery().String(), "BACKUP_KEEP=3"}
}

// ForPostgres are settings of PostgreSQL with which its log reaches its size within minutes.
var ForPostgres = []string{fmt.Sprintf("max_wal_size=%dMB", maxWALSize), "checkpoint_timeout=30s"}

// What is judged. A table of sessions has those that are over for up to a minute, until they are swept. SQLite's log is
// written from its beginning once it has 64 MB, unless a backup still reads from it.
var (
	memory      = Rule{Quantity: "private memory", Unit: "MB", Factor: 1.15, Slack: 4}
	goroutines  = Rule{Quantity: "goroutines, without those of clients", Factor: 1.1, Slack: 8}
	descriptors = Rule{Quantity: "descriptors, without those of clients", Factor: 1.1, Slack: 8}
	walSQLite   = Rule{Quantity: "write-ahead log", Unit: "MB", Most: 96}
	walPostgres = Rule{Quantity: "write-ahead log", Unit: "MB", Most: maxWALSize + 64}
	sessions    = Rule{Quantity: "sessions in the table", Factor: 1.15, Slack: 20}
	ended       = Rule{Quantity: "ended sessions in memory", Factor: 1.25, Slack: 20}
	waiting     = Rule{Quantity: "events that wait for the webhook", Factor: 1.5, Slack: 50}
	latency     = Rule{Quantity: "99th percentile", Unit: "ms", Factor: 2, Slack: 5}
)
