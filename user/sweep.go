package user

import (
	"context"
	"fmt"
	"time"
)

// The statements of sweep. PostgreSQL evaluates the outer condition again for a row that was updated meanwhile, but not
// the subquery.
const (
	sweepFailures = `
		DELETE FROM login_failures WHERE failed_at < $1 AND name_hash IN
			(SELECT name_hash FROM login_failures WHERE failed_at < $1 ORDER BY failed_at LIMIT $2)`
	sweepAddresses = `
		DELETE FROM login_addresses WHERE logged_in_at < $1 AND address_hash IN
			(SELECT address_hash FROM login_addresses WHERE logged_in_at < $1 ORDER BY logged_in_at LIMIT $2)`
	sweepResets = `
		DELETE FROM password_resets WHERE created_at < $1 AND token_hash IN
			(SELECT token_hash FROM password_resets WHERE created_at < $1 ORDER BY created_at LIMIT $2)`
)

// sweepSize is the number of rows that a sweep deletes at once. On SQLite other writes wait for them, some 3 ms.
const sweepSize = 200

// sweep deletes some of the rows from before a time, the oldest first, and reports whether there may be more.
func (s *store) sweep(ctx context.Context, statement string, before time.Time) (more bool, err error) {
	rows, err := s.db.Exec(ctx, statement, before.UnixMilli(), sweepSize)
	if err != nil {
		return false, fmt.Errorf("delete expired rows: %w", err)
	}
	return rows == sweepSize, nil
}
