package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"userorder/database"
	"userorder/telemetry"
	"userorder/worker"
)

// backupJobs returns a job for each SQLite file that is served, which backs it up, and exports the age of its last backup.
func backupJobs(ctx context.Context, cfg Config, opened databases, metrics *telemetry.Metrics, log *slog.Logger) (jobs []worker.Job) {
	if cfg.Backups.Folder == "" {
		return nil
	}
	urls := cfg.databaseURLs()
	for _, url := range urls {
		label, name := cfg.labelOf(url), "backup"
		if len(urls) > 1 {
			name += "_" + strings.ReplaceAll(label, ",", "_")
		}
		if _, ok := database.SQLitePath(url); !ok {
			log.Warn("BACKUP_DIR has no backups of PostgreSQL, which has its own tools for them, such as pg_dump", "modules", label)
			continue
		}
		b := &backups{
			db: opened[cfg.modulesOn(url)[0]], folder: database.NewBackupFolder(cfg.Backups.Folder, url),
			every: cfg.Backups.Every, keep: cfg.Backups.Keep, now: time.Now, log: log.With("modules", label),
		}
		_, _ = b.find(ctx) // for the metric; the job reports its error
		metrics.WatchBackups(label, func() int64 { return b.last.Load() })
		jobs = append(jobs, b.job(name))
	}
	return jobs
}

// backups keeps backups of one SQLite file.
type backups struct {
	db     *database.DB
	folder database.BackupFolder
	every  time.Duration
	keep   int
	now    func() time.Time
	log    *slog.Logger

	last atomic.Int64 // Unix time of the last backup, 0 for none
}

// maxBackupDelay bounds how late a backup is, and how long the wait is after a failure.
const maxBackupDelay = 10 * time.Minute

// job returns a job that makes a backup when one is due by the age of the last.
func (b *backups) job(name string) worker.Job {
	return worker.Job{Name: name, Every: min(b.every/10, maxBackupDelay), Do: func(ctx context.Context) (more bool, err error) {
		if err = b.run(ctx); err != nil {
			err = fmt.Errorf("BACKUP_DIR: %w", err)
		}
		return false, err
	}}
}

// run makes a backup if one is due, and then removes those that are too many.
func (b *backups) run(ctx context.Context) error {
	last, err := b.find(ctx)
	if err != nil {
		return err
	}
	if now := b.now(); now.Sub(last.At) >= b.every {
		if last, err = b.folder.Add(ctx, b.db, now); err != nil {
			return err
		}
		b.last.Store(last.At.Unix())
		b.log.Info("backup made", "path", last.Path, "bytes", last.Size, "took", time.Since(now).Round(time.Millisecond))
	}
	return b.folder.Prune(b.keep, last)
}

// find returns the last backup, or none. It fails if that is of another database, whose backups count for nothing here.
func (b *backups) find(ctx context.Context) (last database.StoredBackup, err error) {
	last, err = b.folder.Last(b.now())
	if err == nil && last.Path != "" {
		if err = b.folder.RequireOwn(ctx, b.db, last); err != nil {
			last = database.StoredBackup{}
		}
	}
	if last.At.IsZero() {
		b.last.Store(0)
	} else {
		b.last.Store(last.At.Unix())
	}
	return last, err
}
