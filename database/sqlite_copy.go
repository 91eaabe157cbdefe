package database

import (
	"context"
	"database/sql"
)

// sqliteCopy implements what Copy needs of a SQLite file.
type sqliteCopy struct {
	engine
	reading *sql.DB
}

func (f *sqliteFile) copier() copier { return sqliteCopy{f, f.copying} }

func (c sqliteCopy) pool() *sql.DB { return c.reading }

func (c sqliteCopy) isMigrated(ctx context.Context) (migrated bool, err error) {
	var tables int
	err = c.queryRow(ctx, "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'goose_*'", nil, []any{&tables})
	return tables > 0, err
}

func (c sqliteCopy) hasTable(ctx context.Context, name string) (exists bool, err error) {
	const query = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1"
	var tables int
	err = c.queryRow(ctx, query, []any{name}, []any{&tables})
	return tables > 0, err
}

// lastID returns the key after which AUTOINCREMENT continues (https://www.sqlite.org/autoinc.html).
func (c sqliteCopy) lastID(ctx context.Context, table Table) (id int64, err error) {
	const query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = $1"
	err = c.queryRow(ctx, query, []any{table.Name}, []any{&id})
	return id, err
}

func (c sqliteCopy) setLastID(ctx context.Context, table Table, id int64) error {
	return c.write(ctx, func(tx *Tx) error {
		if _, err := tx.Exec("DELETE FROM sqlite_sequence WHERE name = $1", table.Name); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", table.Name, id)
		return err
	})
}

// lockCopy has nothing to do: no other process can open the file.
func (c sqliteCopy) lockCopy(context.Context) (unlock func(), err error) { return func() {}, nil }
