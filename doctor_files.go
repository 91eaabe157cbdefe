package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"userorder/database"
	"userorder/disk"
	"userorder/doctor"
	"userorder/order"
)

const (
	// logRoom is how far the log of a SQLite file grows between two checkpoints.
	logRoom = 64 << 20

	// hugeLog is a log that something must have kept from beginning anew for long.
	hugeLog = 1 << 30
)

// checkSpace compares the free space with what the last day took.
func (d *examined) checkSpace(ctx context.Context, cfg Config, db *database.DB) []doctor.Finding {
	c, err := db.Examine(ctx)
	switch {
	case err != nil:
		return failed(err)
	case c.Major != 0:
		return []doctor.Finding{doctor.Well("not checked: PostgreSQL does not tell how full its disk is")}
	case c.Free < 0:
		return []doctor.Finding{doctor.Well("not checked: this system does not tell how full the disk is")}
	}
	var daily int64
	if cfg.DatabaseURLs["order"] == d.url {
		g, err := order.ReadGrowth(ctx, db, time.Now().Add(-day))
		if err != nil {
			return failed(err)
		}
		if g.All > 0 {
			daily = int64(float64(c.Size) * float64(g.Since) / float64(g.All))
		}
	}
	return []doctor.Finding{judgeSpace(c.Free, daily, max(0, logRoom-c.Log))}
}

// judgeSpace judges free bytes at a daily growth and with what the log still takes.
func judgeSpace(free, daily, log int64) doctor.Finding {
	const remedy = "make room, or move the database to a larger disk: when it is full, nothing is written any more"
	const text = "%s free; the last day took %s"
	switch {
	case free < daily+log:
		return doctor.Fail(remedy, text+", and the log needs %s", bytesText(free), bytesText(daily), bytesText(log))
	case free < 7*daily+2*log:
		return doctor.Warn(remedy, text, bytesText(free), bytesText(daily))
	}
	return doctor.Well(text, bytesText(free), bytesText(daily))
}

// examinedFile is the path of a SQLite file.
type examinedFile string

func (f examinedFile) checkLog(context.Context, Config) []doctor.Finding {
	log, err := os.Stat(string(f) + "-wal")
	switch {
	case err != nil:
		return nil // no service runs
	case log.Size() > hugeLog:
		return []doctor.Finding{doctor.Warn("end what has held a read open, such as a sqlite3 shell or a slow backup; a restart of the service shrinks the log",
			"%s-wal has %s", string(f), bytesText(log.Size()))}
	}
	return []doctor.Finding{doctor.Well("%s", bytesText(log.Size()))}
}

// checkFiles looks for files of the database, or a folder, that other users can reach.
func (f examinedFile) checkFiles(context.Context, Config) []doctor.Finding {
	if _, err := os.Stat(string(f)); err != nil || runtime.GOOS == "windows" { // which has no such modes
		return nil
	}
	var found []doctor.Finding
	folder := filepath.Dir(string(f))
	if info, err := os.Stat(folder); err == nil && info.Mode()&0o022 != 0 {
		found = append(found, doctor.Fail("chmod go-w "+folder, "other users can replace what is in %s: %s", folder, info.Mode()))
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if mode := fileMode(string(f) + suffix); mode != 0 {
			path := string(f) + suffix
			found = append(found, doctor.Warn("chmod 600 "+path+", as the next start does", "other users can read or change %s: %s", path, mode))
		}
	}
	if found == nil {
		found = append(found, doctor.Well("nobody else can read or change them"))
	}
	return found
}

// checkBackup looks for the last backup of a SQLite file. Whoever makes backups in another way than by BACKUP_DIR is warned
// all the same: nobody else can tell whether they happen.
func (d *examined) checkBackup(_ context.Context, cfg Config) []doctor.Finding {
	if cfg.Backups.Folder == "" {
		return []doctor.Finding{doctor.Warn("set it to a folder on another disk", "BACKUP_DIR is not set: the service makes no backups")}
	}
	list, err := database.NewBackupFolder(cfg.Backups.Folder, d.url).List()
	if err != nil {
		return []doctor.Finding{doctor.Fail("correct BACKUP_DIR, or what it names", "%s", err)}
	}
	const remedy = "look for BACKUP_DIR in the log of the service"
	var last database.StoredBackup
	for _, backup := range list {
		if !backup.At.After(time.Now()) {
			last = backup
		}
	}
	if last.Path == "" {
		return []doctor.Finding{doctor.Warn(remedy+"; the first backup follows its start", "there is no backup in %s", cfg.Backups.Folder)}
	}
	age := time.Since(last.At).Round(time.Second)
	if age > cfg.Backups.Every+max(cfg.Backups.Every/2, 2*maxBackupDelay) {
		return []doctor.Finding{doctor.Warn(remedy, "the last backup, %s, is %s old, and one is due every %s", last.Path, age, cfg.Backups.Every)}
	}
	if free, err := disk.Free(cfg.Backups.Folder); err == nil && free < last.Size+last.Size/4 {
		return []doctor.Finding{doctor.Warn("make room, or lower BACKUP_KEEP", "%s has %s free, and the last backup took %s",
			cfg.Backups.Folder, bytesText(free), bytesText(last.Size))}
	}
	return []doctor.Finding{doctor.Well("%s, %s old, %s", last.Path, age, bytesText(last.Size))}
}
