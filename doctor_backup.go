package main

import (
	"context"
	"errors"
	"time"

	"userorder/database"
	"userorder/doctor"
)

// checkBackup looks for the last backup of a SQLite file, and whether another one can be made. Whoever makes backups in another
// way than by BACKUP_DIR is warned all the same: nobody else can tell whether they happen.
func (d *checkedDatabase) checkBackup(ctx context.Context, cfg Config) []doctor.Finding {
	if cfg.Backups.Folder == "" {
		return []doctor.Finding{doctor.Warn("set it to a folder on another disk", "BACKUP_DIR is not set: the service makes no backups")}
	}
	folder := database.NewBackupFolder(cfg.Backups.Folder, d.url)
	list, err := folder.List()
	if err != nil {
		return []doctor.Finding{fault(err, "correct BACKUP_DIR, or what it names")}
	}
	now := time.Now()
	last, err := folder.Last(now)
	if err == nil {
		err = d.requireOwn(ctx, folder, last)
	}
	if err == nil {
		err = folder.Ready()
	}
	if err != nil {
		return []doctor.Finding{fault(err, "look for BACKUP_DIR in the log of the service")}
	}
	found := judgeFolder(cfg.Backups.Folder)
	var paths []string
	for _, backup := range list {
		paths = append(paths, backup.Path)
	}
	found = append(append(found, judgeModes(paths)...), judgeFuture(list, now)...)
	if finding := judgeAge(last, now, cfg.Backups); found == nil || finding.State != doctor.OK {
		found = append(found, finding)
	}
	return found
}

// requireOwn returns an error if a backup is one of another database.
func (d *checkedDatabase) requireOwn(ctx context.Context, folder database.BackupFolder, last database.StoredBackup) (err error) {
	if d.unreachable.Load() || last.Path == "" {
		return nil
	}
	_, openErr := openReadOnly(ctx, d.url, func(db *database.DB) []doctor.Finding {
		err = folder.RequireOwn(ctx, db, last)
		return nil
	})
	return errors.Join(openErr, err)
}

// judgeFuture finds backups whose names are of the future.
func judgeFuture(list []database.StoredBackup, now time.Time) []doctor.Finding {
	for i, backup := range list {
		if backup.At.After(now) {
			return []doctor.Finding{doctor.Warn("rename or remove what is of no use, and look at the clock: they count for nothing until then",
				"%d of %d backups have a name of the future, from %s on", len(list)-i, len(list), backup.Path)}
		}
	}
	return nil
}

// judgeAge judges how old the last backup is.
func judgeAge(last database.StoredBackup, now time.Time, backups Backups) doctor.Finding {
	const remedy = "look for BACKUP_DIR in the log of the service"
	if last.Path == "" {
		return doctor.Warn(remedy+"; the first backup follows its start", "there is no backup in %s", backups.Folder)
	}
	age := now.Sub(last.At).Round(time.Second)
	if age > backups.Every+2*maxBackupDelay {
		return doctor.Warn(remedy, "the last backup, %s, is %s old, and one is due every %s", last.Path, age, backups.Every)
	}
	return doctor.Well("%s, %s old, %s", last.Path, age, bytesText(last.Size))
}
