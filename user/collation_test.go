package user

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

func TestThePreviousReleaseWorksOnWhileTheIndexIsReplaced(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", "&default_query_exec_mode=exec", "&default_transaction_isolation=serializable"} {
		url := databasetest.Postgres(t)
		beside := databasetest.Open(t, url+options+"&pool_max_conns=1") // whose one connection has prepared statements
		previousRelease(t, beside)
		work := func(name string) {
			t.Helper()
			insertKeyed(t, beside, [2]string{name, ""})
			var id int64
			var hash string
			const query = "SELECT id, password_hash FROM users WHERE username_key = $1"
			require.NoError(t, beside.QueryRow(t.Context(), query, name).Scan(&id, &hash))
			_, err := beside.Exec(t.Context(), `INSERT INTO login_failures (name_hash, failures, failed_at, delay) VALUES ($1, 1, 0, 0)
				ON CONFLICT (name_hash) DO UPDATE SET failures = login_failures.failures + 1`, "hash")
			require.NoError(t, err)
		}
		work("张三")
		require.NoError(t, Migrate(t.Context(), databasetest.Open(t, url)))
		work("李四")
		_, err := beside.Exec(t.Context(), "INSERT INTO users (username, username_key, email, password_hash, created_at) VALUES ('x', '张三', '', '', 0)")
		require.True(t, database.IsUniqueViolation(err), err)
		require.ErrorContains(t, err, "users_username_key_key")
	}
}

func TestAnIndexThatAnInterruptedMigrationHasLeftIsBuiltAnew(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	previousRelease(t, db)
	_, err := db.Exec(t.Context(), "CREATE INDEX users_username_key_bytes ON users (username)")
	require.NoError(t, err)
	require.NoError(t, Migrate(t.Context(), db))
	var definition string
	require.NoError(t, db.QueryRow(t.Context(), "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND indexname = 'users_username_key_key'").Scan(&definition))
	require.Regexp(t, `^CREATE UNIQUE INDEX users_username_key_key ON \w+\.users USING btree \(username_key\)$`, definition)
}

func TestANameThatADamagedIndexHasLetRegisterTwiceIsNamed(t *testing.T) {
	t.Parallel()
	db := databasetest.Open(t, databasetest.Postgres(t))
	previousRelease(t, db)
	_, err := db.Exec(t.Context(), "ALTER TABLE users DROP CONSTRAINT users_username_key_key")
	require.NoError(t, err)
	insertKeyed(t, db, [2]string{"张三", ""}, [2]string{"张三", ""})
	require.ErrorContains(t, Migrate(t.Context(), db), "Key (username_key)=(张三) is duplicated")
	_, err = db.Exec(t.Context(), "UPDATE users SET username_key = '张三 2' WHERE id = 2")
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), "ALTER TABLE users ADD CONSTRAINT users_username_key_key UNIQUE (username_key)")
	require.NoError(t, err)
	require.NoError(t, Migrate(t.Context(), db))
}

func TestTheMigrationGivesUpRatherThanMakeLoginsWaitBehindABackup(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	db := databasetest.Open(t, url)
	previousRelease(t, db)
	insertKeyed(t, db, [2]string{"alice", ""})
	backup, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer func() { require.NoError(t, backup.Close()) }()
	reading, err := backup.Begin()
	require.NoError(t, err)
	_, err = reading.Exec("LOCK TABLE users IN ACCESS SHARE MODE")
	require.NoError(t, err)
	require.ErrorContains(t, Migrate(t.Context(), db), "canceling statement due to lock timeout")
	require.NoError(t, reading.Rollback())
	require.NoError(t, Migrate(t.Context(), db))
	require.Equal(t, []string{"alice"}, keysOf(t, db))
}
