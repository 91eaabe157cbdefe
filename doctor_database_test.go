package main

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
	"userorder/doctor"
)

// statement runs SQL in a database that no service has open.
func statement(t *testing.T, url, sql string, args ...any) {
	t.Helper()
	db, err := database.Open(t.Context(), url, database.Options{})
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

const insertOrder = "INSERT INTO orders (user_id, product, price, status, created_at) VALUES (1, 'p', 1, 'created', $1)"

// ago returns the time before now by which rows are dated.
func ago(d time.Duration) int64 { return time.Now().Add(-d).UnixMilli() }

const someWebhook = "http://127.0.0.1:1/hook?key=hunter2"

var withWebhook = []string{"WEBHOOK_URLS", someWebhook, "WEBHOOK_SECRET", "whsec_bm90IGEgc2VjcmV0LCBvbmx5IGZvciB0ZXN0cw=="}

func TestTheDoctorFindsWhatIsWrongWithADatabase(t *testing.T) {
	for name, test := range map[string]struct {
		settings []string // at the start of the service already
		harm     func(t *testing.T, url string, settings map[string]string)
		want     string
	}{
		"a row of the future": {nil, func(t *testing.T, url string, _ map[string]string) {
			statement(t, url, insertOrder, ago(-time.Hour))
		}, `fault +clock +the newest row of order is of \S+Z, ahead of this clock by (1h0m0|59m\S+)s → synchronize .*`},
		"a clock that is a little off": {nil, func(t *testing.T, url string, _ map[string]string) {
			statement(t, url, "INSERT INTO users (username, username_key, email, password_hash, created_at) VALUES ('a', 'a', '', '', $1)", ago(-20*time.Second))
		}, `warning +clock +the newest row of user is of \S+Z, ahead of this clock by \S+s → synchronize .*`},
		"a migration that is missing": {nil, func(t *testing.T, url string, _ map[string]string) {
			statement(t, url, "DELETE FROM goose_order WHERE version_id = 4")
		}, `warning +schema +.*migrate order: .*the database is at version 3 and must be at \d+ → start this version of the service, or run userorder migrate`},
		"no tables of the accounts": {nil, func(t *testing.T, url string, _ map[string]string) {
			statement(t, url, "DROP TABLE goose_user")
			statement(t, url, "DROP TABLE goose_auth")
		}, `warning +schema +.*migrate user: .*there are no tables yet; migrate auth: .*there are no tables yet → start this version of the service, or run userorder migrate`},
		"a migration that nobody makes": {[]string{"AUTO_MIGRATE", "true"}, func(t *testing.T, url string, settings map[string]string) {
			statement(t, url, "DELETE FROM goose_order WHERE version_id = 4")
			settings["AUTO_MIGRATE"] = "false"
		}, `fault +schema +.*migrate order: .*the database is at version 3 and must be at \d+ → run userorder migrate, since AUTO_MIGRATE is false`},
		"a database of a later release": {nil, func(t *testing.T, url string, _ map[string]string) {
			statement(t, url, "INSERT INTO goose_user (version_id, is_applied) VALUES (9000, true)")
			statement(t, url, "UPDATE schema_compatibility SET version = 9000 WHERE module = 'user'")
		}, `fault +schema +.*migrate user: .*the database is at version 9000, newer than this program, which knows \d+ \(it requires 9000\) → start a newer one`},
		"a webhook that waits": {withWebhook, func(t *testing.T, url string, _ map[string]string) {
			statement(t, url, insertOrder, ago(time.Hour))
		}, `warning +webhooks +http://127\.0\.0\.1:1/hook\S*: 1 waiting, the oldest for 1h0m\d+s → look into the receiver, .*`},
		"a webhook that waits for days": {withWebhook, func(t *testing.T, url string, _ map[string]string) {
			statement(t, url, insertOrder, ago(50*time.Hour))
			statement(t, url, insertOrder, ago(49*time.Hour))
		}, `fault +webhooks +http://127\.0\.0\.1:1/hook\S*: 2 waiting, the oldest for 50h0m\d+s → look into the receiver, .*`},
		"a webhook that the service does not know": {nil, func(_ *testing.T, _ string, settings map[string]string) {
			settings[withWebhook[0]], settings[withWebhook[2]] = withWebhook[1], withWebhook[3]
		}, `warning +webhooks +http://127\.0\.0\.1:1/hook\S*: no process has sent to it yet → start the service with this setting`},
		"a second webhook, which looks like the first": {withWebhook, func(_ *testing.T, _ string, settings map[string]string) {
			settings["WEBHOOK_URLS"] += "," + strings.Replace(someWebhook, "hunter2", "hunter3", 1)
		}, `warning +webhooks +2 http://127\.0\.0\.1:1/hook\S*: no process has sent to it yet → start the service with this setting`},
		"orders without the accounts": {nil, func(_ *testing.T, _ string, settings map[string]string) {
			settings["MODULES"] = "order"
		}, `warning +sessions +USER_DATABASE_URL is not set: .* → set it to the database of the accounts`},
		"accounts that are out of reach": {nil, func(_ *testing.T, _ string, settings map[string]string) {
			settings["MODULES"], settings["USER_DATABASE_URL"] = "order", "postgres://me:hunter2@127.0.0.1:1/db"
		}, `fault +sessions +open postgres://me@127\.0\.0\.1:1/db: .* refused → check that the server runs, and that the URL leads to it`},
		"accounts that were never there": {nil, func(t *testing.T, url string, settings map[string]string) {
			statement(t, url, "DROP TABLE ended_sessions")
			settings["MODULES"], settings["USER_DATABASE_URL"] = "order", url
		}, `warning +sessions +the list of ended sessions cannot be read yet: .* → start the process that serves the accounts`},
	} {
		t.Run(name, func(t *testing.T) {
			databasetest.EachURL(t, func(t *testing.T, url string) {
				settings := installed(t, url, test.settings...)
				test.harm(t, url, settings)
				requireOnly(t, settings, test.want)
			})
		})
	}
}

func TestTheDoctorFindsWhatIsWrongWithASQLiteFile(t *testing.T) {
	for name, test := range map[string]struct {
		harm func(t *testing.T, path string, settings map[string]string)
		want string
	}{
		"it is not there": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.Remove(path))
		}, `fault +database +there is no file \S+test\.db → start the service, which makes a new one; if there was one, DATABASE_URL names another path, or restore a backup`},
		"it is another program's": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600))
		}, `fault +database +open sqlite:\S+: it is not a database of this program \(.*\) → restore a backup if it was one, or name another path`},
		"a page is damaged": {func(t *testing.T, path string, _ map[string]string) {
			damage(t, path)
		}, `fault +damage +.*Tree \d+ page \d+.* → restore a backup, or save what is readable with sqlite3's \.recover`},
		"it is empty": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.Truncate(path, 0))
		}, `fault +database +\S+test\.db is empty → restore a backup if there was a database; if not, start the service, which fills it`},
		"a restore was interrupted at its end": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.Rename(path, path+"-restoring"))
		}, `warning +database +a restore was interrupted: \S+test\.db-restoring is complete → start the service, which puts it in place`},
		"a restore was interrupted": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.WriteFile(path+"-restoring", []byte("complete"), 0o600))
		}, `warning +database +a restore was interrupted: .*`},
		"others can read what a restore has kept": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.WriteFile(path+".before-restore-20261126-031500", []byte("kept"), 0o600))
			require.NoError(t, os.Chmod(path+".before-restore-20261126-031500", 0o640))
		}, `warning +files +other users can read or change \S+\.before-restore-20261126-031500: -rw-r----- → chmod 600 \S+\.before-restore-20261126-031500`},
		"others can read it": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.Chmod(path, 0o644))
		}, `warning +files +other users can read or change \S+test\.db: -rw-r--r-- → chmod 600 \S+test\.db, as the next start does`},
		"others can replace it": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.Chmod(filepath.Dir(path), 0o777))
		}, `fault +files +other users can replace what is in \S+: drwxrwxrwx → chmod go-w \S+`},
		"its log is huge": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.WriteFile(path+"-wal", nil, 0o600))
			require.NoError(t, os.Truncate(path+"-wal", hugeLog+1))
		}, `warning +log +\S+-wal has 1\.0 GiB → end what has held a read open, .*`},
		"nothing backs it up": {func(_ *testing.T, _ string, settings map[string]string) {
			delete(settings, "BACKUP_DIR")
		}, `warning +backup +BACKUP_DIR is not set: the service makes no backups → set it to a folder on another disk`},
		"there is no backup": {func(t *testing.T, _ string, settings map[string]string) {
			settings["BACKUP_DIR"] = t.TempDir()
		}, `warning +backup +there is no backup in \S+ → .*`},
		"the folder of backups is gone": {func(_ *testing.T, path string, settings map[string]string) {
			settings["BACKUP_DIR"] = path + "-backups"
		}, `fault +backup +there is no folder \S+test\.db-backups: .* → correct BACKUP_DIR, .*`},
		"others can read the backups": {func(t *testing.T, _ string, settings map[string]string) {
			for _, day := range []string{"20261125", "20261124"} {
				path := filepath.Join(settings["BACKUP_DIR"], "test-"+day+"T031500Z.db")
				require.NoError(t, os.WriteFile(path, []byte("a backup"), 0o600))
				require.NoError(t, os.Chmod(path, 0o644))
			}
		}, `warning +backup +other users can read or change \S+test-20261124T031500Z\.db: -rw-r--r--, and 1 more like it → chmod 600 \S+test-20261124T031500Z\.db \S+test-20261125T031500Z\.db`},
		"others can replace the backups": {func(t *testing.T, _ string, settings map[string]string) {
			require.NoError(t, os.Chmod(settings["BACKUP_DIR"], 0o777))
		}, `fault +backup +other users can replace what is in \S+: drwxrwxrwx → chmod go-w \S+`},
		"a backup has a name of the future": {func(t *testing.T, _ string, settings map[string]string) {
			require.NoError(t, os.WriteFile(filepath.Join(settings["BACKUP_DIR"], "test-20990101T000000Z.db"), []byte("a backup"), 0o600))
		}, `warning +backup +1 of 2 backups have a name of the future, from \S+test-20990101T000000Z\.db on → rename or remove .*`},
		"there is no room for a backup": {func(t *testing.T, path string, _ map[string]string) {
			require.NoError(t, os.Truncate(path, 8<<40)) // a hole
		}, `fault +backup +the disk has no room for another backup in \S+: \d+ MB are free, and it needs 8388672 MB → make room, or keep fewer`},
		"the backups are those of another database": {func(t *testing.T, _ string, settings map[string]string) {
			settings["BACKUP_DIR"] = t.TempDir()
			other := "sqlite:" + filepath.Join(t.TempDir(), "test.db")
			installed(t, other)
			_, err := database.NewBackupFolder(settings["BACKUP_DIR"], other).Add(t.Context(), databasetest.Open(t, other), time.Now())
			require.NoError(t, err)
		}, `fault +backup +\S+Z\.db is a backup of another database → give each database a folder of its own, or .*`},
		"a backup is overdue": {func(t *testing.T, _ string, settings map[string]string) {
			settings["BACKUP_DIR"] = t.TempDir()
			late := time.Now().UTC().Add(-24*time.Hour - 30*time.Minute).Format("20060102T150405Z")
			require.NoError(t, os.WriteFile(filepath.Join(settings["BACKUP_DIR"], "test-"+late+".db"), []byte("a backup"), 0o600))
		}, `warning +backup +the last backup, \S+\.db, is 24h30m\d+s old, and one is due every 24h0m0s → .*`},
		"the last backup is old": {func(t *testing.T, _ string, settings map[string]string) {
			settings["BACKUP_DIR"] = t.TempDir()
			old := time.Now().UTC().Add(-40 * time.Hour).Format("20060102T150405Z")
			require.NoError(t, os.WriteFile(filepath.Join(settings["BACKUP_DIR"], "test-"+old+".db"), []byte("a backup"), 0o600))
		}, `warning +backup +the last backup, \S+\.db, is 40h0m\d+s old, and one is due every 24h0m0s → look for BACKUP_DIR in the log of the service`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := databasetest.SQLite(t)
			settings := installed(t, url)
			path := strings.TrimPrefix(url, "sqlite:")
			test.harm(t, path, settings)
			before := contents(t, filepath.Dir(path))
			requireOnly(t, settings, test.want)
			require.Equal(t, before, contents(t, filepath.Dir(path)))
		})
	}
}

// contents returns a digest of each file in a folder but a -shm, which holds nothing that a -wal does not, and what is huge.
func contents(t *testing.T, folder string) map[string][32]byte {
	t.Helper()
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	digests := map[string][32]byte{}
	for _, file := range files {
		info, err := file.Info()
		require.NoError(t, err)
		if strings.HasSuffix(file.Name(), "-shm") || info.Size() > hugeLog {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, file.Name()))
		require.NoError(t, err)
		digests[file.Name()] = sha256.Sum256(text)
	}
	return digests
}

// damage overwrites pages of a table in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	db, err := database.Open(t.Context(), "sqlite:"+path, database.Options{})
	require.NoError(t, err)
	for n := range 2000 {
		_, err := db.Exec(t.Context(), insertOrder, n)
		require.NoError(t, err)
	}
	var root int64
	require.NoError(t, db.QueryRow(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = 'order_events'").Scan(&root))
	require.NoError(t, db.Close())
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(strings.Repeat("damage", 600)), (root-1)*4096+8)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func TestEverySequenceThatIsBehindIsNamed(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	settings := installed(t, url)
	statement(t, url, "INSERT INTO orders (id, user_id, product, price, status, created_at) VALUES (1000, 1, 'p', 1, 'created', 1)")
	statement(t, url, "INSERT INTO users (id, username, username_key, email, password_hash, created_at) VALUES (7, 'a', 'a', '', '', 1)")
	statement(t, url, "INSERT INTO order_events (id, order_id, version, status, role, note, at) VALUES (9, 1000, 2, 'paid', 'staff', '', 1)")
	text, status := doctorSays(t, settings)
	require.Equal(t, 2, status, text)
	require.Len(t, regexp.MustCompile(`(?m)^fault +keys +.* → run SELECT setval\(`).FindAllString(text, -1), 3, text)
}

func TestAllThatIsOfTheFutureIsNamed(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		settings := installed(t, url)
		statement(t, url, insertOrder, ago(-time.Hour))
		statement(t, url, "INSERT INTO users (username, username_key, email, password_hash, created_at) VALUES ('a', 'a', '', '', $1)", ago(-time.Hour))
		text, _ := doctorSays(t, settings)
		require.Len(t, regexp.MustCompile(`(?m)^fault +clock +the newest row of (user|order) `).FindAllString(text, -1), 2, text)
	})
}

func TestTheDoctorFindsWhatIsWrongWithAPostgreSQLDatabase(t *testing.T) {
	for name, test := range map[string]struct {
		harm func(t *testing.T, url string, settings map[string]string)
		want string
	}{
		"no server answers": {func(_ *testing.T, _ string, settings map[string]string) {
			settings["DATABASE_URL"] = "postgres://me:hunter2@127.0.0.1:1/db"
		}, `fault +database +open postgres://me@127\.0\.0\.1:1/db: .* refused → check that the server runs, and that the URL leads to it`},
		"the database does not exist": {func(_ *testing.T, url string, settings map[string]string) {
			settings["DATABASE_URL"] = strings.Replace(url, "/postgres?", "/none?", 1)
		}, `fault +database +open \S+/none: database "none" does not exist \(SQLSTATE 3D000\).* → correct DATABASE_URL, or what it names`},
		"a sequence is behind": {func(t *testing.T, url string, _ map[string]string) {
			statement(t, url, "INSERT INTO orders (id, user_id, product, price, status, created_at) VALUES (1000, 1, 'p', 1, 'created', 1)")
		}, `fault +keys +.*the next id of orders would be 1, but 1000 is taken → run SELECT setval\('\S+orders_id_seq', \(SELECT max\(id\) FROM \S+orders\)\)`},
		"its clock is an hour ahead": {func(t *testing.T, url string, settings map[string]string) {
			statement(t, url, "CREATE FUNCTION clock_timestamp() RETURNS timestamptz RETURN pg_catalog.clock_timestamp() + interval '1 hour'")
			settings["DATABASE_URL"] = regexp.MustCompile(`search_path=\w+`).ReplaceAllString(url, "$0%2Cpg_catalog") // ours before the server's
		}, `fault +clock +the clock of the database differs by (1h0m\S+|59m\S+)s → synchronize the clocks of all machines, by NTP`},
		"its clock is five seconds behind": {func(t *testing.T, url string, settings map[string]string) {
			statement(t, url, "CREATE FUNCTION clock_timestamp() RETURNS timestamptz RETURN pg_catalog.clock_timestamp() - interval '5 s'")
			settings["DATABASE_URL"] = regexp.MustCompile(`search_path=\w+`).ReplaceAllString(url, "$0%2Cpg_catalog")
		}, `warning +clock +the clock of the database differs by \S+s → .*`},
		"the role has no rights": {func(t *testing.T, url string, settings map[string]string) {
			schema := regexp.MustCompile(`search_path=(\w+)`).FindStringSubmatch(url)[1]
			statement(t, url, "CREATE ROLE "+schema+" LOGIN")
			statement(t, url, "GRANT USAGE ON SCHEMA "+schema+" TO "+schema)
			statement(t, url, "GRANT SELECT ON ALL TABLES IN SCHEMA "+schema+" TO "+schema)
			statement(t, url, "REVOKE ALL ON goose_order FROM "+schema)
			settings["DATABASE_URL"] = asRole(url, schema)
		}, `fault +schema +migrate order: .*permission denied for table goose_order .* → connect as the owner of the tables, or let this role read and write them`},
		"the role has no rights to the accounts": {func(t *testing.T, url string, settings map[string]string) {
			schema := regexp.MustCompile(`search_path=(\w+)`).FindStringSubmatch(url)[1]
			statement(t, url, "CREATE ROLE "+schema+"_order LOGIN")
			statement(t, url, "GRANT USAGE ON SCHEMA "+schema+" TO "+schema+"_order")
			settings["MODULES"], settings["USER_DATABASE_URL"] = "order", asRole(url, schema+"_order")
		}, `fault +sessions +select issuer: .*permission denied for table token_issuer .* → connect as the owner of the tables, or let this role read and write them`},
		"an index is not whole": {func(t *testing.T, url string, _ map[string]string) {
			statement(t, url, insertOrder, 1)
			statement(t, url, insertOrder, 2)
			db := databasetest.Open(t, url)
			_, err := db.Exec(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY twice ON orders (product)")
			require.Error(t, err)
		}, `fault +damage +indexes that are not valid: twice → run REINDEX INDEX for each`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := databasetest.Postgres(t)
			settings := installed(t, url)
			test.harm(t, url, settings)
			requireOnly(t, settings, test.want)
		})
	}
}

// asRole returns a URL with another user.
func asRole(text, role string) string {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	u.User = url.User(role)
	return u.String()
}

// TestTheDoctorWritesNothingToPostgreSQL lets the server refuse every write.
func TestTheDoctorWritesNothingToPostgreSQL(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	settings := installed(t, url, withWebhook...)
	settings["DATABASE_URL"] = url + "&target_session_attrs=any&default_transaction_read_only=on"
	text, status := doctorSays(t, settings)
	require.Zero(t, status, text)
}

func TestEachDatabaseHasItsChecks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	settings := installed(t, "sqlite:"+filepath.Join(folder, "test.db"), "ORDER_DATABASE_URL", "sqlite:"+filepath.Join(folder, "orders.db"))
	text, status := doctorSays(t, settings)
	require.Equal(t, 1, status, text)
	for _, line := range []string{
		`ok +database user +\S+test\.db, .*`, `ok +schema user +the tables of user are up to date`, `ok +backup user +.*`,
		`ok +space user +\S+ \S+ free; how much a day takes is unknown`, `ok +space order +\S+ \S+ free; the last day took 0 bytes`,
		`ok +database order +\S+orders\.db, .*`, `ok +schema order +the tables of order are up to date`, `warning +backup order +there is no backup in .*`,
	} {
		require.Regexp(t, `(?m)^`+line+`$`, text)
	}
	require.Len(t, regexp.MustCompile(`(?m)^\w+ +damage`).FindAllString(text, -1), 2)
}

func TestHowMuchSpaceIsEnough(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		free, daily, log int64
		want             doctor.State
	}{
		{1 << 40, 0, logRoom, doctor.OK},
		{200 << 20, 0, logRoom, doctor.OK},
		{100 << 20, 0, logRoom, doctor.Warning},
		{60 << 20, 0, logRoom, doctor.Fault},
		{60 << 20, 0, 0, doctor.OK},
		{8 << 30, 1 << 30, logRoom, doctor.OK},
		{6 << 30, 1 << 30, logRoom, doctor.Warning},
		{1 << 30, 1 << 30, logRoom, doctor.Fault},
		{0, 0, 0, doctor.OK},
		{60 << 20, -1, logRoom, doctor.Fault},
		{200 << 20, -1, logRoom, doctor.OK},
	} {
		found := judgeSpace(test.free, test.daily, test.log)
		require.Equal(t, test.want, found.State, fmt.Sprint(test))
		require.Equal(t, test.want == doctor.OK, found.Remedy == "")
	}
	require.Contains(t, judgeSpace(1<<40, -1, logRoom).Found, "free; how much a day takes is unknown")
	require.Equal(t, "1 byte", bytesText(1))
	require.Equal(t, "1023 bytes", bytesText(1023))
	require.Equal(t, "1.5 KiB", bytesText(1536))
	require.Equal(t, "2.0 TiB", bytesText(2<<40))
}
