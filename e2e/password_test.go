//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWrongPasswordOfTheDatabaseIsSaidFirst(t *testing.T) {
	t.Parallel()
	server := newPostgres(t)
	require.Contains(t, server.query("CREATE ROLE me LOGIN PASSWORD 'right-one' SUPERUSER"), "no rows")
	hba := "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
	require.NoError(t, os.WriteFile(filepath.Join(server.dir, "data", "pg_hba.conf"), []byte(hba), 0o600))
	require.NoError(t, syscall.Kill(server.pid(t), syscall.SIGHUP))
	for _, test := range []struct{ name, userinfo, options, want string }{
		{"with TLS tried first", "me:wrong-one", "", `: password authentication failed for user "me" (SQLSTATE 28P01)`},
		{"without TLS", "me:wrong-one", "?sslmode=disable", `: password authentication failed for user "me" (SQLSTATE 28P01)`},
		{"with plain text tried first", "me:wrong-one", "?sslmode=allow", `: password authentication failed for user "me" (SQLSTATE 28P01)`},
		{"an unknown role", "you:wrong-one", "", `: password authentication failed for user "you" (SQLSTATE 28P01)`},
		{"a missing database", "me:right-one", "nowhere", `: database "postgresnowhere" does not exist (SQLSTATE 3D000)`},
		{"a password cut at its ampersand", "postgres", "?password=right&wrong_one=1", ": a setting in the URL is refused: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := userorder(t, t.TempDir(), []string{"migrate"},
				fmt.Sprintf("DATABASE_URL=postgres://%s@127.0.0.1:%d/postgres%s", test.userinfo, server.port, test.options))
			require.Equal(t, 1, p.exit(t))
			text := said(t, p.stderr)
			require.Regexp(t, "^userorder: DATABASE_URL: open [^ ]*/postgres(nowhere)?"+regexp.QuoteMeta(test.want), text)
			require.NotContains(t, text, "_one")
			require.NotContains(t, text, "-one")
		})
	}
}

func TestANameIsStoredAsUTF8ForARoleWithAnotherEncodingThroughPgBouncer(t *testing.T) {
	t.Parallel()
	server := newPostgres(t)
	require.Contains(t, server.query("ALTER ROLE postgres SET client_encoding = 'LATIN1'"), "no rows")
	url := pgbouncer(t, server)
	command := userorder(t, t.TempDir(), []string{"migrate"}, "DATABASE_URL="+server.url())
	require.Equal(t, 0, command.exit(t), said(t, command.stderr))
	base := start(t, t.TempDir(), "DATABASE_URL="+url).url(t)
	answer := send(http.MethodPost, base+"/user/register", "", registration("张三", "a@example.com"))
	require.True(t, answer.ok(), answer.body)
	require.Equal(t, "6", server.query("SELECT octet_length(username) FROM users"))
	require.True(t, send(http.MethodPost, base+"/user/login", "", registration("张三", "a@example.com")).ok())
}
