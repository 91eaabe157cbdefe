package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"userorder/database/sqlite"
	"userorder/disk"
)

// Backup copies the SQLite database at url to a new file at path. The database may be in use: the copy holds every write
// acknowledged before the call. The file appears at path once it is complete, checked and on disk. Backup has no time
// limit but that of ctx.
func Backup(ctx context.Context, url, path string) error {
	source, ok := SQLitePath(url)
	if !ok {
		return errServerBackup
	}
	err := requireSource(ctx, source)
	if err == nil {
		err = copyTo(ctx, source, path, pace{})
	}
	if err != nil {
		return fmt.Errorf("back up %s to %s: %w", source, path, err)
	}
	return nil
}

// Backup is like the function Backup, but takes longer, so that calls of the DB hardly do. It fails as well if the file was
// moved, deleted or replaced while it is open: the copy would be of another one.
func (db *DB) Backup(ctx context.Context, path string) error {
	return db.engine.backup(ctx, path)
}

func (f *sqliteFile) backup(ctx context.Context, path string) error {
	err := f.writer.inPlace()
	if err == nil {
		err = copyTo(ctx, f.path, path, gentle)
	}
	if err != nil {
		return fmt.Errorf("back up %s to %s: %w", f.path, path, err)
	}
	return nil
}

// inPlace returns an error if the open file has lost its name, or its log.
func (w *writer) inPlace() error {
	if w.watch == nil {
		return nil
	}
	if found := w.watch.look(); found > intact {
		cause, remedy := w.watch.explain(found)
		return fmt.Errorf("%s: %s", cause, remedy)
	}
	return nil
}

// errServerBackup refuses to back up a server.
var errServerBackup = errors.New("back up: PostgreSQL has its own tools for that, such as pg_dump")

// copyTo copies the file at source, which must be a database of this program.
func copyTo(ctx context.Context, source, path string, pace pace) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.New("the target is a folder: name the file in it")
	}
	err := disk.Create(path, func(file *os.File) error {
		err := vacuumInto(ctx, source, sqlite.ReadOnly, file, pace)
		if err != nil {
			removeBeside(file.Name())
		}
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w, and a backup never replaces a file", os.ErrExist)
	}
	return err
}

// removeBeside removes what SQLite may leave beside a copy that it could not complete.
func removeBeside(path string) {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		_ = os.Remove(path + suffix)
	}
}

// requireSource returns an error unless the file at path is a database of this program that has something in it.
func requireSource(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	if err := requireRegular(realPath(path)); err != nil {
		return err
	}
	if _, err := inspect(ctx, path); err != nil {
		return err
	}
	return requireTables(ctx, path)
}

// requireTables returns an error if the file at path is empty: the copy would hold nothing, whatever was meant.
func requireTables(ctx context.Context, path string) error {
	pool, err := openPool(path, url.Values{"_pragma": {"busy_timeout(5000)"}, "mode": {"ro"}})
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	var tables int
	if err := pool.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		return errors.New("there is nothing in it: is it the file that the service uses?")
	}
	return nil
}

// vacuumInto opens source in mode and writes a copy without free pages
// (https://www.sqlite.org/lang_vacuum.html#vacuuminto) to an empty file, switches it to WAL mode and checks all of it, at
// pace.
func vacuumInto(ctx context.Context, source string, mode sqlite.Mode, file *os.File, pace pace) (err error) {
	from, err := sqlite.Open(source, mode, "busy_timeout(5000)")
	if err != nil {
		return err
	}
	work := &pacer{pace: pace, ctx: ctx, file: file, began: time.Now()}
	from.OnProgress(progressSteps, work.goOn)
	_, err = from.Run("VACUUM INTO $1", []any{file.Name()}, nil)
	if err := errors.Join(err, from.Close(), work.err); err != nil {
		return cmp.Or(work.cause(), diagnose(err))
	}
	to, err := sqlite.Open(file.Name(), sqlite.ReadWrite, "journal_mode(WAL)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	to.OnProgress(progressSteps, work.goOn)
	if err := checkAll(func(query string, dest *string) error {
		_, err := to.Run(query, nil, []any{dest})
		return err
	}); err != nil {
		return fmt.Errorf("the copy: %w", cmp.Or(work.cause(), err))
	}
	return nil
}

// pace says how a backup shares cores and disk with requests, so that these hardly wait for it.
type pace struct {
	work, rest time.Duration // in turn; without a rest it works all the time
	flush      int64         // how many bytes are written before they are flushed: a commit may wait behind such a flush
}

// gentle leaves requests two thirds of a core. With a single flush at the end, the slowest create beside a
// backup of a million orders took 236 ms.
var gentle = pace{work: time.Millisecond, rest: 2 * time.Millisecond, flush: 4 << 20}

// progressSteps is how often SQLite calls a pacer: some 20 times a millisecond.
const progressSteps = 1000

// pacer keeps the pace of a backup and ends it with ctx.
type pacer struct {
	pace
	ctx     context.Context // SQLite passes none to goOn
	file    *os.File        // the copy
	began   time.Time       // to work
	flushed int64
	err     error // of a flush; the system tells it once
}

// goOn rests if it is time to, and reports whether the backup may go on.
func (p *pacer) goOn() bool {
	if p.rest > 0 && time.Since(p.began) >= p.work {
		if info, err := p.file.Stat(); err == nil && info.Size()-p.flushed >= p.flush {
			p.flushed, p.err = info.Size(), p.file.Sync()
		}
		time.Sleep(p.rest)
		p.began = time.Now()
	}
	return p.cause() == nil
}

// cause returns why the backup must not go on, or nil.
func (p *pacer) cause() error { return cmp.Or(p.err, p.ctx.Err()) }

// checkAll reads the whole file by query and returns an error if it is damaged.
func checkAll(query func(text string, dest *string) error) error {
	var verdict string
	if err := query("PRAGMA integrity_check(1)", &verdict); err != nil {
		return diagnose(err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%w (%s)", errDamaged, strings.Join(strings.Fields(verdict), " "))
	}
	return nil
}
