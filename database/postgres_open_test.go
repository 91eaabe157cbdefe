package database_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// create creates a database or a role, which all schemas of the server share, and drops it when the test ends.
func create(t *testing.T, admin *database.DB, kind, name, options string) string {
	t.Helper()
	name = strings.ToLower(fmt.Sprintf("test_%d_%s", os.Getpid(), name))
	_, err := admin.Exec(t.Context(), "CREATE "+kind+" "+name+" "+options)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec(context.Background(), "DROP "+kind+" "+name)
		require.NoError(t, err)
	})
	return name
}

func TestAServerThatIsAwayIsNamedOnceWithTheRemedy(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", "?sslmode=disable", "?sslmode=allow"} {
		_, err := database.Open(t.Context(), "postgres://me:hunter2@127.0.0.1:1/db"+options, database.Options{})
		require.Regexp(t, `^open postgres://me@127\.0\.0\.1:1/db: 127\.0\.0\.1:1 [^;]+ refused: `+
			`check that the server runs, and that the URL leads to it$`, err)
	}
	_, err := database.Open(t.Context(), "postgres://me:hunter2@127.0.0.1:1,127.0.0.1:2/db", database.Options{})
	require.Regexp(t, `^open \S+: 127\.0\.0\.1:1 [^;]+ refused; 127\.0\.0\.1:2 [^;]+ refused: check that the server runs`, err)
	_, err = database.Open(t.Context(), "postgres://me:hunter2@nowhere.invalid/db", database.Options{})
	require.ErrorContains(t, err, ": check that the server runs")
	require.Equal(t, 1, strings.Count(err.Error(), "lookup nowhere.invalid"), err)
}

func TestADatabaseInAnotherEncodingIsRefused(t *testing.T) {
	t.Parallel()
	raw := databasetest.Postgres(t)
	for _, encoding := range []string{"SQL_ASCII", "LATIN1", "EUC_CN"} {
		t.Run(encoding, func(t *testing.T) {
			name := create(t, databasetest.Open(t, raw), "DATABASE", encoding,
				"ENCODING '"+encoding+"' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
			u, err := url.Parse(raw)
			require.NoError(t, err)
			u.Path = "/" + name
			_, err = database.Open(t.Context(), u.String(), database.Options{})
			require.ErrorContains(t, err, "the encoding of the database is "+encoding+" and must be UTF8: make another one by CREATE DATABASE")
		})
	}
}

func TestTheEncodingOfTheClientIsAlwaysUTF8(t *testing.T) {
	t.Parallel()
	raw := databasetest.Postgres(t)
	admin := databasetest.Open(t, raw)
	require.NoError(t, admin.Migrate(t.Context(), "notes", notes))
	for name, setting := range map[string]string{
		"latin": "client_encoding = 'LATIN1'", "gbk": "client_encoding = 'GBK'", "ascii": "client_encoding = 'SQL_ASCII'",
	} {
		for _, parameter := range []string{"", "&client_encoding=LATIN1", "&options=-c%20client_encoding%3DGBK", "&default_query_exec_mode=simple_protocol"} {
			t.Run(name+parameter, func(t *testing.T) {
				role := create(t, admin, "ROLE", name, "LOGIN SUPERUSER")
				_, err := admin.Exec(t.Context(), "ALTER ROLE "+role+" SET "+setting)
				require.NoError(t, err)
				u, err := url.Parse(raw)
				require.NoError(t, err)
				u.User = url.User(role)
				db := databasetest.Open(t, u.String()+parameter)
				for id, body := range map[int64]string{1: "张三", 2: "mañana", 3: "🙂"} {
					require.NoError(t, insertNote(t.Context(), db, id, body))
					var stored string
					for _, reader := range []*database.DB{db, admin} {
						require.NoError(t, reader.QueryRow(t.Context(), "SELECT body FROM notes WHERE id = $1", id).Scan(&stored))
						require.Equal(t, body, stored)
					}
					var bytes int
					require.NoError(t, admin.QueryRow(t.Context(), "SELECT octet_length(body) FROM notes WHERE id = $1", id).Scan(&bytes))
					require.Equal(t, len(body), bytes)
				}
				_, err = admin.Exec(t.Context(), "DELETE FROM notes")
				require.NoError(t, err)
			})
		}
	}
}
