package main

import (
	"path/filepath"
	"strings"
	"time"

	"userorder/database"
	"userorder/settings"
)

// Backups says where the service puts backups of its SQLite files, how often, and how many of each it keeps.
type Backups struct {
	Folder string // empty: off
	Every  time.Duration
	Keep   int
}

func readBackups(s *settings.Reader) Backups {
	return Backups{
		Folder: s.Text("BACKUP_DIR", "", "a folder in which the service makes backups of its SQLite files"),
		Every:  s.Duration("BACKUP_EVERY", day, time.Second, 366*day, "how old the last backup is when the next one is made"),
		Keep:   s.Integer("BACKUP_KEEP", 7, 1, 10_000, "how many backups of each file are kept"),
	}
}

// requireBackups makes it a fault that nothing can be backed up, or that two files would have the same backups.
func (c *Config) requireBackups(s *settings.Reader) {
	if c.Backups.Folder == "" || len(c.databaseURLs()) == 0 { // MODULES is invalid, which is reported already
		return
	}
	labels := map[string]string{} // by the name of the file
	for _, url := range c.databaseURLs() {
		path, ok := database.SQLitePath(url)
		if !ok {
			continue
		}
		name := strings.ToLower(filepath.Base(path))
		if other, taken := labels[name]; taken {
			s.Fault("BACKUP_DIR", "needs files with different names, but those of %s and %s are both called %s",
				other, c.labelOf(url), filepath.Base(path))
		}
		labels[name] = c.labelOf(url)
	}
	if len(labels) == 0 {
		s.Fault("BACKUP_DIR", "is for SQLite alone: PostgreSQL has its own tools for backups, such as pg_dump and pg_basebackup")
	}
}
