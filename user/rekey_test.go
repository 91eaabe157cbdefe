package user

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/secure/precis"

	"userorder/database"
	"userorder/database/databasetest"
)

// previousRelease makes the tables of the release that keys accounts by lower-casing.
func previousRelease(t *testing.T, db *database.DB) {
	t.Helper()
	files := fstest.MapFS{}
	for _, pattern := range []string{"migrations/0001*", "migrations/0002*", "migrations/0003*"} {
		names, err := fs.Glob(migrations, pattern)
		require.NoError(t, err)
		for _, name := range names {
			text, err := fs.ReadFile(migrations, name)
			require.NoError(t, err)
			files[name] = &fstest.MapFile{Data: text}
		}
	}
	require.NoError(t, db.Migrate(t.Context(), "user", files))
}

// openLogged opens a database whose log is in the buffer.
func openLogged(t *testing.T, url string) (*database.DB, *bytes.Buffer) {
	var log bytes.Buffer
	db, err := database.Open(t.Context(), url, database.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, &log
}

// insertKeyed inserts accounts as pairs of a name and its key. If the key is "", it is that of the previous release.
func insertKeyed(t *testing.T, db *database.DB, accounts ...[2]string) {
	t.Helper()
	var rows []string
	var args []any
	for _, account := range accounts {
		if account[1] == "" {
			account[1], _ = precis.UsernameCaseMapped.String(account[0])
		}
		rows = append(rows, fmt.Sprintf("($%d, $%d, 'a@b.com', 'hash', 0)", len(args)+1, len(args)+2))
		args = append(args, account[0], account[1])
	}
	_, err := db.Exec(t.Context(), "INSERT INTO users (username, username_key, email, password_hash, created_at) VALUES "+strings.Join(rows, ", "), args...)
	require.NoError(t, err)
}

// keysOf returns the keys of all accounts in the order of their ids.
func keysOf(t *testing.T, db *database.DB) []string {
	t.Helper()
	keys, err := database.Collect(t.Context(), db, func(row *database.Row) (key string, err error) {
		return key, row.Scan(&key)
	}, "SELECT username_key FROM users ORDER BY id LIMIT 1000")
	require.NoError(t, err)
	return keys
}

func TestAccountsOfThePreviousReleaseGetNewKeys(t *testing.T) {
	type pairs = [][2]string
	for _, test := range []struct {
		name     string
		accounts pairs
		keys     []string
		warnings []string
	}{
		{"none", pairs{{"alice", ""}}, []string{"alice"}, nil},
		{"a final sigma alone", pairs{{"οδυσσευς", ""}}, []string{"οδυσσευσ"}, nil},
		{"a medial sigma at the end alone", pairs{{"ΟΔΥΣΣΕΥΣ", ""}}, []string{"οδυσσευσ"}, nil},
		{"a final sigma, and the name with a medial one after it", pairs{{"Οδυσσευς", ""}, {"ΟΔΥΣΣΕΥΣ", ""}},
			[]string{"οδυσσευσ", " ΟΔΥΣΣΕΥΣ"}, []string{"keeps_name=Οδυσσευς keeps_userid=1 other_name=ΟΔΥΣΣΕΥΣ other_userid=2"}},
		{"a final sigma, and the name with a medial one before it", pairs{{"ΟΔΥΣΣΕΥΣ", ""}, {"οδυσσευς", ""}},
			[]string{"οδυσσευσ", " οδυσσευς"}, []string{"keeps_name=ΟΔΥΣΣΕΥΣ keeps_userid=1 other_name=οδυσσευς other_userid=2"}},
		{"ß", pairs{{"Straße", ""}, {"strasse", ""}, {"groß", ""}},
			[]string{"strasse", " strasse", "gross"}, []string{"keeps_name=Straße keeps_userid=1 other_name=strasse other_userid=2"}},
		{"three of one name", pairs{{"σσσ", ""}, {"ςςς", ""}, {"σσς", ""}}, []string{"σσσ", " ςςς", " σσς"}, []string{
			"keeps_name=σσσ keeps_userid=1 other_name=ςςς other_userid=2", "keeps_name=σσσ keeps_userid=1 other_name=σσς other_userid=3"}},
		{"names that the previous release refused", pairs{{"1張", "1張"}, {"１張2", "1張2"}}, []string{"1張", "1張2"}, nil},
		{"an Arabic and a Hebrew name", pairs{{"محمد", ""}, {"דוד", ""}}, []string{"محمد", "דוד"}, nil},
		{"a circle", pairs{{"b", "a"}, {"c", "b"}, {"a", "c"}}, []string{"b", "c", "a"}, nil},
		{"a chain that ends at a free key", pairs{{"b", "a"}, {"c", "b"}, {"d", "c"}}, []string{"b", "c", "d"}, nil},
		{"a chain that ends at an older account", pairs{{"d", "d"}, {"b", "a"}, {"c", "b"}, {"D", "c"}}, []string{"d", "b", "c", " D"},
			[]string{"keeps_name=d keeps_userid=1 other_name=D other_userid=4"}},
		{"a chain that ends at a newer account", pairs{{"b", "a"}, {"C", "b"}, {"c", "c"}}, []string{"b", "c", " c"},
			[]string{"keeps_name=C keeps_userid=2 other_name=c other_userid=3"}},
		{"a key that belongs to a name that is refused", pairs{{"e", "x"}, {"no name", "e"}}, []string{" e", "e"},
			[]string{`keeps_name="no name" keeps_userid=2 other_name=e other_userid=1`}},
		{"a name that is refused", pairs{{"no name", "anything"}, {"", "nothing"}}, []string{"anything", "nothing"}, nil},
		{"one spelling thrice", pairs{{"f", "x"}, {"f", "y"}, {"f", "z"}}, []string{"f", " f", " f 3"}, []string{
			"keeps_name=f keeps_userid=1 other_name=f other_userid=2", "keeps_name=f keeps_userid=1 other_name=f other_userid=3"}},
		{"an exact spelling that is taken", pairs{{"g", " G"}, {"G", "x"}, {"G", "y"}}, []string{"g", " G 2", " G 3"}, []string{
			"keeps_name=g keeps_userid=1 other_name=G other_userid=2", "keeps_name=g keeps_userid=1 other_name=G other_userid=3"}},
		{"an account that has its exact spelling already", pairs{{"h", "h"}, {"H", " H"}}, []string{"h", " H"},
			[]string{"keeps_name=h keeps_userid=1 other_name=H other_userid=2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			databasetest.EachURL(t, func(t *testing.T, url string) {
				db, log := openLogged(t, url)
				previousRelease(t, db)
				insertKeyed(t, db, test.accounts...)
				require.NoError(t, Migrate(t.Context(), db))
				require.Equal(t, test.keys, keysOf(t, db))
				require.Equal(t, len(test.warnings), strings.Count(log.String(), "level=WARN"), log)
				for _, warning := range test.warnings {
					require.Contains(t, log.String(), warning)
				}
				log.Reset()
				require.NoError(t, Migrate(t.Context(), db))
				require.Equal(t, test.keys, keysOf(t, db))
				require.Empty(t, log.String())
			})
		})
	}
}

func TestBothAccountsOfOneNameLogInAfterTheMigration(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		previousRelease(t, db)
		insertKeyed(t, db, [2]string{"Straße", ""}, [2]string{"strasse", ""}, [2]string{"ΟΔΥΣΣΕΥΣ", ""})
		handler, module := alone(t, db)
		for id, plain := range map[int64]string{1: "password-1", 2: "password-2", 3: "password-3"} {
			hash, err := module.hasher.hash(t.Context(), alice, plain)
			require.NoError(t, err)
			_, err = db.Exec(t.Context(), "UPDATE users SET password_hash = $1 WHERE id = $2", hash, id)
			require.NoError(t, err)
		}
		for _, login := range []struct{ name, plain, id string }{
			{"Straße", "password-1", "1"}, {"STRASSE", "password-1", "1"}, {"straße", "password-1", "1"},
			{"strasse", "password-2", "2"}, {"οδυσσευς", "password-3", "3"}, {"Οδυσσευσ", "password-3", "3"},
		} {
			require.Contains(t, try(handler, login.name, login.plain).Body.String(), `"userid":"`+login.id+`"`, login.name)
		}
		require.Contains(t, try(handler, "STRASSE", "password-2").Body.String(), refused)
		for _, name := range []string{"strasse", "STRAẞE", "οδυσσευς"} {
			require.Contains(t, register(handler, name).Body.String(), "用户名已存在")
		}
	})
}

func TestAnAccountThatThePreviousReleaseRegistersDuringTheMigrationDoesNotStopIt(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	db, log := openLogged(t, url+"&default_transaction_isolation=serializable")
	previousRelease(t, db)
	insertKeyed(t, db, [2]string{"ςς", ""}, [2]string{"Maß", ""}, [2]string{"gone ß", "x"}, [2]string{"ßß", ""})
	beside := databasetest.Open(t, url)
	done := make(chan error, 1)
	step := database.Step{Version: 6, Do: func(ctx context.Context, tx *database.StepTx) error {
		r := rekeying{ctx, tx}
		if err := r.collect(); err != nil {
			return err
		}
		insertKeyed(t, beside, [2]string{"σσ", ""}, [2]string{"mass", "ssss"}, [2]string{"late ς", "late"}) // the second wants a key that another one has
		_, err := beside.Exec(ctx, "DELETE FROM users WHERE username = 'Maß'")
		if err != nil {
			return err
		}
		if err := tx.LockTable(ctx, "users"); err != nil {
			return err
		}
		go func() { // waits for the lock
			_, err := beside.Exec(context.Background(), `INSERT INTO users (username, username_key, email, password_hash, created_at)
				VALUES ('Spieß', 'spieß', 'a@b.com', 'hash', 0)`)
			done <- err
		}()
		return r.settle()
	}}
	require.NoError(t, db.Migrate(t.Context(), "user", migrations, step))
	require.NoError(t, <-done)
	require.Equal(t, []string{"σσ", "x", "ssss", " σσ", "mass", "late", "spieß"}, keysOf(t, db))
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log)
}

func TestTenReplicasMigrateAtOnceWhileThePreviousReleaseRegisters(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	first := databasetest.Open(t, url)
	previousRelease(t, first)
	var accounts [][2]string
	for i := range 300 {
		accounts = append(accounts, [2]string{fmt.Sprintf("Name%dß", i), ""}, [2]string{fmt.Sprintf("name%dss", i), ""})
	}
	insertKeyed(t, first, accounts...)
	over, registered := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				registered <- nil
				return
			default:
			}
			name := fmt.Sprintf("late%dς", i)
			if _, err := first.Insert(context.Background(), `INSERT INTO users (username, username_key, email, password_hash, created_at)
				VALUES ($1, $2, 'a@b.com', 'hash', 0)`, name, name); err != nil {
				registered <- err
				return
			}
		}
	}()
	failures, logs := make([]error, 10), make([]*bytes.Buffer, 10)
	var group sync.WaitGroup
	for i := range failures {
		db, log := openLogged(t, url)
		logs[i] = log
		group.Go(func() { failures[i] = Migrate(t.Context(), db) })
	}
	group.Wait()
	close(over)
	require.NoError(t, errors.Join(failures...))
	require.NoError(t, <-registered)
	warnings := 0
	for _, log := range logs {
		warnings += strings.Count(log.String(), "level=WARN")
	}
	require.Equal(t, 300, warnings)
	for i, key := range keysOf(t, first)[:600] {
		require.Equal(t, []string{"name%dss", " name%dss"}[i%2], strings.Replace(key, fmt.Sprint(i/2), "%d", 1))
	}
}

func TestManyAccountsGetNewKeysInBatches(t *testing.T) {
	const count, batch = 20_000, 500 // 100,000 take a second
	databasetest.EachURL(t, func(t *testing.T, url string) {
		db := databasetest.Open(t, url)
		previousRelease(t, db)
		for start := 0; start < count; start += batch {
			var accounts [][2]string
			for i := start; i < start+batch; i++ {
				accounts = append(accounts, [2]string{fmt.Sprintf("%s%d", []string{"Alice", "王小明", "Straße", "ivan"}[i%4], i), ""})
			}
			insertKeyed(t, db, accounts...)
		}
		start := time.Now()
		require.NoError(t, Migrate(t.Context(), db))
		t.Logf("%d accounts, a quarter of them with a new key: %v", count, time.Since(start))
		var changed, left int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM users WHERE username_key LIKE 'strasse%'").Scan(&changed))
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM users WHERE username_key LIKE '%ß%'").Scan(&left))
		require.Equal(t, count/4, changed)
		require.Zero(t, left)
	})
}
