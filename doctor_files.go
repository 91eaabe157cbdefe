package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"userorder/database"
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
func (d *checkedDatabase) checkSpace(ctx context.Context, cfg Config, db *database.DB) []doctor.Finding {
	c, err := db.Examine(ctx)
	switch {
	case err != nil:
		return failed(err)
	case c.Engine == database.PostgreSQL:
		return []doctor.Finding{doctor.Well("not checked: PostgreSQL does not tell how full its disk is")}
	case c.Free < 0:
		return []doctor.Finding{doctor.Well("not checked: this system does not tell how full the disk is")}
	}
	daily := int64(-1) // users take little, but nothing tells how much
	if cfg.DatabaseURLs["order"] == d.url {
		g, err := order.ReadGrowth(ctx, db, time.Now().Add(-day))
		if err != nil {
			return failed(err)
		}
		daily = 0
		if g.All > 0 {
			daily = int64(float64(c.Size) * float64(g.Since) / float64(g.All))
		}
	}
	return []doctor.Finding{judgeSpace(c.Free, daily, max(0, logRoom-c.Log))}
}

// judgeSpace judges free bytes at a daily growth, which is negative if it is unknown, and with what the log still takes.
func judgeSpace(free, daily, log int64) doctor.Finding {
	const remedy = "make room, or move the database to a larger disk: when it is full, nothing is written any more"
	text := bytesText(free) + " free; how much a day takes is unknown"
	if daily >= 0 {
		text = bytesText(free) + " free; the last day took " + bytesText(daily)
	}
	daily = max(0, daily)
	switch {
	case free < daily+log:
		return doctor.Fail(remedy, "%s, and the log needs %s", text, bytesText(log))
	case free < 7*daily+2*log:
		return doctor.Warn(remedy, "%s", text)
	}
	return doctor.Well("%s", text)
}

// checkedFile is the path of a SQLite file.
type checkedFile string

func (f checkedFile) checkLog(context.Context, Config) []doctor.Finding {
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

// checkFiles looks for files of the database, copies that a restore has kept, or a folder, that other users can reach.
func (f checkedFile) checkFiles(context.Context, Config) []doctor.Finding {
	if _, err := os.Stat(string(f)); err != nil {
		return nil
	}
	found := judgeFolder(filepath.Dir(string(f)))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		path := string(f) + suffix
		if mode := fileMode(path); mode != 0 {
			found = append(found, doctor.Warn("chmod 600 "+path+", as the next start does", "other users can read or change %s: %s", path, mode))
		}
	}
	found = append(found, judgeModes(database.KeptCopies(string(f)))...)
	if found == nil {
		found = append(found, doctor.Well("nobody else can read or change them"))
	}
	return found
}

// judgeFolder finds a folder in which other users can replace files.
func judgeFolder(folder string) []doctor.Finding {
	info, err := os.Stat(folder)
	if err != nil || info.Mode()&0o022 == 0 || runtime.GOOS == "windows" { // which has no such modes
		return nil
	}
	return []doctor.Finding{doctor.Fail("chmod go-w "+folder, "other users can replace what is in %s: %s", folder, info.Mode())}
}

// judgeModes finds copies of a database that other users can read or change: they have hashes of passwords as well.
func judgeModes(paths []string) []doctor.Finding {
	var exposed []string
	for _, path := range paths {
		if fileMode(path) != 0 {
			exposed = append(exposed, path)
		}
	}
	if exposed == nil {
		return nil
	}
	more := ""
	if len(exposed) > 1 {
		more = fmt.Sprintf(", and %d more like it", len(exposed)-1)
	}
	return []doctor.Finding{doctor.Warn("chmod 600 "+strings.Join(exposed, " "), "other users can read or change %s: %s%s", exposed[0], fileMode(exposed[0]), more)}
}

// fileMode returns the mode of a file if other users can read or change it, else 0.
func fileMode(path string) fs.FileMode { return modeWith(path, 0o066) }

// modeWith returns the mode of a file if it gives any of some permissions, else 0.
func modeWith(path string, permissions fs.FileMode) fs.FileMode {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&permissions == 0 || runtime.GOOS == "windows" { // which has no such modes
		return 0
	}
	return info.Mode()
}

// bytesText returns a number of bytes for people.
func bytesText(n int64) string {
	const unit = 1024
	if n == 1 {
		return "1 byte"
	}
	value, units := float64(n), []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	for value >= unit && len(units) > 1 {
		value, units = value/unit, units[1:]
	}
	if units[0] == "bytes" {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}
