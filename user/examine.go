package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"userorder/database"
)

// Newest returns when the last account was created, or the zero time.
func Newest(ctx context.Context, db *database.DB) (time.Time, error) {
	var at int64
	err := db.QueryRow(ctx, `SELECT created_at FROM users ORDER BY id DESC LIMIT 1`).Scan(&at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("select the last account: %w", err)
	}
	return time.UnixMilli(at), nil
}
