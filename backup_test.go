package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
	"userorder/httpapi/httpapitest"
	"userorder/settings"
	"userorder/telemetry"
)

// scheduled returns the backups of a database with a clock that the test sets, and what is logged. File is the database.
func scheduled(t *testing.T) (b *backups, file, folder string, clock *time.Time, log *bytes.Buffer) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "app.db")
	url := "sqlite:" + file
	_, err := said(t, map[string]string{"DATABASE_URL": url}, "migrate")
	require.NoError(t, err)
	folder, log = t.TempDir(), &bytes.Buffer{}
	now := time.Date(2026, 11, 26, 3, 15, 0, 0, time.UTC)
	return &backups{
		db: databasetest.Open(t, url), folder: database.NewBackupFolder(folder, url), every: day, keep: 3,
		now: func() time.Time { return now }, log: slog.New(slog.NewTextHandler(log, nil)),
	}, file, folder, &now, log
}

// times returns the day and the hour of each backup in a folder.
func times(t *testing.T, folder string) (times []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		times = append(times, strings.TrimSuffix(strings.TrimPrefix(entry.Name(), "app-202611"), "1500Z.db"))
	}
	return times
}

func TestABackupIsDueOnceTheLastOneIsOldEnough(t *testing.T) {
	t.Parallel()
	b, _, folder, clock, log := scheduled(t)
	require.NoError(t, b.run(t.Context()))
	require.Equal(t, []string{"26T03"}, times(t, folder))
	require.Regexp(t, `level=INFO msg="backup made" path=`+folder+`/app-20261126T031500Z\.db bytes=\d{5,} took=\S+\n$`, log.String())
	require.Equal(t, clock.Unix(), b.last.Load())

	*clock = clock.Add(23 * time.Hour)
	restarted := &backups{db: b.db, folder: b.folder, every: b.every, keep: b.keep, now: b.now, log: b.log}
	require.NoError(t, restarted.run(t.Context()))
	require.Equal(t, []string{"26T03"}, times(t, folder), "a restart made a backup")
	require.Equal(t, b.last.Load(), restarted.last.Load())

	*clock = clock.Add(50 * time.Hour) // the machine was off
	require.NoError(t, b.run(t.Context()))
	require.NoError(t, b.run(t.Context()))
	require.Equal(t, []string{"26T03", "29T04"}, times(t, folder))
	for range 5 {
		*clock = clock.Add(day)
		require.NoError(t, b.run(t.Context()))
	}
	require.Len(t, times(t, folder), 3)
	b.keep = 2 // after a restart
	require.NoError(t, b.run(t.Context()))
	require.Len(t, times(t, folder), 2)
	require.Equal(t, 7, strings.Count(log.String(), "backup made"))
}

func TestABackupFromTheFutureIsNotTheLastOne(t *testing.T) {
	t.Parallel()
	b, _, folder, clock, _ := scheduled(t)
	require.NoError(t, b.run(t.Context()))
	*clock = clock.Add(-20 * day) // it was wrong before
	b.keep = 1
	for range 3 {
		require.NoError(t, b.run(t.Context()))
		require.Equal(t, []string{"06T03", "26T03"}, times(t, folder))
	}
}

func TestBackupsFromTheFutureTakeNoPlaceOfOthers(t *testing.T) {
	t.Parallel()
	b, _, folder, clock, _ := scheduled(t)
	b.keep = 2
	*clock = clock.Add(2 * day) // it is wrong
	require.NoError(t, b.run(t.Context()))
	*clock = clock.Add(day)
	require.NoError(t, b.run(t.Context()))
	*clock = clock.Add(-20 * day)
	for range 3 {
		require.NoError(t, b.run(t.Context()))
		*clock = clock.Add(day)
	}
	require.Equal(t, []string{"10T03", "11T03", "28T03", "29T03"}, times(t, folder))
}

func TestTheBackupsOfAnotherServiceAreNotThoseOfThisOne(t *testing.T) {
	t.Parallel()
	first, _, folder, clock, _ := scheduled(t)
	second, _, _, _, log := scheduled(t) // whose file has the same name
	second.folder, second.keep = first.folder, 1
	second.now = first.now
	require.NoError(t, first.run(t.Context()))
	*clock = clock.Add(day)
	require.NoError(t, first.run(t.Context()))
	for range 2 {
		_, err := second.job("backup").Do(t.Context())
		require.EqualError(t, err, "BACKUP_DIR: "+folder+"/app-20261127T031500Z.db is a backup of another database: "+
			"give each database a folder of its own, or move away the backups of one that is no longer used")
		require.Zero(t, second.last.Load())
		require.Equal(t, []string{"26T03", "27T03"}, times(t, folder))
		*clock = clock.Add(day)
	}
	require.Empty(t, log.String())
	require.NoError(t, first.run(t.Context()))
	require.Equal(t, []string{"26T03", "27T03", "29T03"}, times(t, folder))
}

func TestABackupThatFailsHarmsNoOther(t *testing.T) {
	t.Parallel()
	b, file, folder, clock, log := scheduled(t)
	require.NoError(t, b.run(t.Context()))
	*clock = clock.Add(day)
	job, last := b.job("backup"), b.last.Load()
	require.NoError(t, os.Rename(folder, folder+".away"))
	_, err := job.Do(t.Context())
	require.EqualError(t, err, "BACKUP_DIR: there is no folder "+folder+": make it, or mount its disk: no such file or directory")
	require.NoDirExists(t, folder)
	require.NoError(t, os.Rename(folder+".away", folder))
	require.NoError(t, os.Rename(file, file+".away"))
	_, err = job.Do(t.Context())
	require.ErrorContains(t, err, "BACKUP_DIR: back up "+file+" to "+folder+"/app-20261127T031500Z.db: "+file+" was moved or deleted")
	require.Equal(t, []string{"26T03"}, times(t, folder))
	require.Equal(t, last, b.last.Load())
	require.Equal(t, 1, strings.Count(log.String(), "backup made"))
}

func TestBackupsAreLookedAfterOftenEnough(t *testing.T) {
	t.Parallel()
	for every, want := range map[time.Duration]time.Duration{
		time.Second: 100 * time.Millisecond, time.Hour: 6 * time.Minute, day: 10 * time.Minute, 30 * day: 10 * time.Minute,
	} {
		require.Equal(t, want, (&backups{every: every}).job("backup").Every)
	}
}

func TestTheSettingsOfBackupsAreForSQLite(t *testing.T) {
	t.Parallel()
	const secret, server = "a secret of the tests, long enough", "postgres://me@host/db"
	cfg, err := loadConfig(t.Context(), environment(nil))
	require.NoError(t, err)
	require.Equal(t, Backups{Every: day, Keep: 7}, cfg.Backups)
	for _, good := range []map[string]string{
		{"BACKUP_DIR": "/backups"},
		{"DATABASE_URL": server, "JWT_SECRET": secret, "BACKUP_EVERY": "1h", "BACKUP_KEEP": "3"}, // off
		{"DATABASE_URL": server, "JWT_SECRET": secret, "ORDER_DATABASE_URL": "sqlite:orders.db", "BACKUP_DIR": "/backups"},
		{"USER_DATABASE_URL": "sqlite:a/users.db", "ORDER_DATABASE_URL": "sqlite:a/orders.db", "BACKUP_DIR": "/backups"},
		{"USER_DATABASE_URL": "sqlite:a/app.db", "ORDER_DATABASE_URL": "sqlite:b/app.db", "MODULES": "user", "BACKUP_DIR": "/backups"},
	} {
		_, err := loadConfig(t.Context(), environment(good))
		require.NoError(t, err)
	}
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"BACKUP_EVERY": "0"}, `BACKUP_EVERY is "0" but must be a time from 1s to 8784h, like 90s, 15m or 1h.`},
		{map[string]string{"BACKUP_KEEP": "0"}, `BACKUP_KEEP is "0" but must be a whole number from 1 to 10000.`},
		{
			map[string]string{"DATABASE_URL": server, "JWT_SECRET": secret, "BACKUP_DIR": "/backups"},
			"BACKUP_DIR is for SQLite alone: PostgreSQL has its own tools for backups, such as pg_dump and pg_basebackup.",
		},
		{
			map[string]string{"USER_DATABASE_URL": "sqlite:a/app.db", "ORDER_DATABASE_URL": "sqlite:b/App.db", "BACKUP_DIR": "/backups"},
			"BACKUP_DIR needs files with different names, but those of user and order are both called App.db.",
		},
	} {
		_, err := loadConfig(t.Context(), environment(test.env))
		require.ErrorIs(t, err, settings.ErrInvalid)
		require.EqualError(t, err, "wrong settings:\n"+test.want)
		_, err = said(t, test.env, "config")
		require.EqualError(t, err, "wrong settings:\n"+test.want)
	}
	_, err = said(t, map[string]string{"DATABASE_URL": server, "BACKUP_DIR": "/backups"}, "healthcheck")
	require.NotErrorIs(t, err, settings.ErrInvalid, "what makes no backups needs no setting for them")
}

func TestEachFileIsBackedUpAndAServerIsNot(t *testing.T) {
	t.Parallel()
	folder, backups := t.TempDir(), t.TempDir()
	var log bytes.Buffer
	env := map[string]string{"BACKUP_DIR": backups, "JWT_SECRET": strings.Repeat("s", 32), "OPS_ADDR": "127.0.0.1:0"}
	for _, name := range moduleNames() {
		env[strings.ToUpper(name)+"_DATABASE_URL"] = "sqlite:" + filepath.Join(folder, name+".db")
	}
	cfg, err := loadConfig(t.Context(), environment(env))
	require.NoError(t, err)
	s, err := newService(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	scrape := func() string {
		return httpapitest.Call(s.metrics.Handler(slog.New(slog.DiscardHandler)), "GET /metrics", "", "").Body.String()
	}
	metric := func(module string) string {
		return "\nuserorder_backup_last_success_timestamp_seconds{modules=\"" + module + "\"} "
	}
	for _, name := range moduleNames() {
		require.Contains(t, scrape(), metric(name)+"0\n")
	}
	ran := 0
	for _, job := range s.jobs {
		if strings.HasPrefix(job.Name, "backup_") {
			_, err := job.Do(t.Context())
			require.NoError(t, err)
			ran++
		}
	}
	require.Equal(t, len(moduleNames()), ran)
	for _, name := range moduleNames() {
		made, err := filepath.Glob(filepath.Join(backups, name+"-*Z.db"))
		require.NoError(t, err)
		require.Len(t, made, 1)
		require.Contains(t, scrape(), metric(name)+"1.", "in exponents")
		require.Contains(t, log.String(), " modules="+name+" path="+made[0])
	}

	mixed := Config{
		Modules: []string{"user", "order"}, Backups: Backups{Folder: backups, Every: day, Keep: 1},
		DatabaseURLs: map[string]string{"user": "postgres://host/db", "order": env["ORDER_DATABASE_URL"]},
	}
	log.Reset()
	jobs := backupJobs(t.Context(), mixed, s.databases, (*telemetry.Metrics)(nil), slog.New(slog.NewTextHandler(&log, nil)))
	require.Len(t, jobs, 1)
	require.Equal(t, "backup_order", jobs[0].Name)
	require.Contains(t, log.String(), `level=WARN msg="BACKUP_DIR has no backups of PostgreSQL`)
}
