package database

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// backupSource is the table with a random id of a database that is backed up to a folder. Each backup has it as well, so
// databases whose files have the same name can be told apart. A copy of a database keeps its id.
const backupSource = "backup_source"

// errOtherSource is the remedy for backups of another database.
var errOtherSource = errors.New("give each database a folder of its own, or move away the backups of one that is no longer used")

// RequireOwn returns an error, with a remedy for Explain, if a backup in the folder is one of another database than db. It
// cannot tell of backups that something else has made.
func (f BackupFolder) RequireOwn(ctx context.Context, db *DB, backup StoredBackup) error {
	source, err := readSource(ctx, backup.Path)
	if err != nil || source == 0 { // whether it is whole is for those to find out who need it
		return nil //nolint:nilerr
	}
	var own int64
	err = db.QueryRow(ctx, "SELECT id FROM "+backupSource).Scan(&own)
	if err != nil && !IsMissingTable(err) {
		return err
	}
	if own != source {
		return fmt.Errorf("%s is a backup of another database: %w", backup.Path, errOtherSource)
	}
	return nil
}

// readSource returns the id of the database of which the file at path is a backup.
func readSource(ctx context.Context, path string) (id int64, err error) {
	pool, err := openPool(path, backupOptions(path))
	if err != nil {
		return 0, err
	}
	defer func() { _ = pool.Close() }()
	err = pool.QueryRowContext(ctx, "SELECT id FROM "+backupSource).Scan(&id)
	return id, err
}

// ensureSource gives a database an id unless it has one.
func ensureSource(ctx context.Context, db *DB) error {
	var id int64
	if err := db.QueryRow(ctx, "SELECT id FROM "+backupSource).Scan(&id); err == nil {
		return nil
	}
	var random [8]byte
	_, _ = rand.Read(random[:])                              // never fails
	id = int64(binary.NativeEndian.Uint64(random[:])>>1) + 1 // 63 bits
	return db.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec("CREATE TABLE IF NOT EXISTS " + backupSource + " (id BIGINT NOT NULL)")
		if err == nil {
			_, err = tx.Exec("INSERT INTO "+backupSource+" SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM "+backupSource+")", id)
		}
		return err
	})
}
