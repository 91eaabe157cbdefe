package database

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatAURLLeavesOpenIsDecidedForIt(t *testing.T) {
	for _, test := range []struct {
		name, url string
		timeout   time.Duration
		choosy    bool // not every server will do
	}{
		{"one host", "postgres://me@one/db", 3 * time.Second, false},
		{"several hosts", "postgres://me@one:5432,two:5433/db", 2 * time.Second, true},
		{"four hosts", "postgres://me@one,two,three,four/db", time.Second, true},
		{"one host on several ports", "postgres://me@one:5432,one:5433/db", 2 * time.Second, true},
		{"several hosts that are chosen by the URL", "postgres://me@one,two/db?target_session_attrs=read-only", 2 * time.Second, true},
		{"several hosts, whichever", "postgres://me@one,two/db?target_session_attrs=any", 2 * time.Second, false},
		{"less patience", "postgres://me@one/db?connect_timeout=1", time.Second, false},
		{"more patience than a request has", "postgres://me@one/db?connect_timeout=60", 3 * time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, err := parsePostgres(test.url)
			require.NoError(t, err)
			require.Equal(t, test.timeout, cfg.ConnConfig.ConnectTimeout)
			require.Equal(t, test.choosy, cfg.ConnConfig.ValidateConnect != nil)
		})
	}
}

// requireHidden requires that text contains no part of password that is three bytes long or more.
func requireHidden(t *testing.T, text, password string) {
	t.Helper()
	for i := range len(password) - 2 {
		require.NotContains(t, text, password[i:i+3], "part of %q", password)
	}
}

func TestNoPartOfAPasswordIsEverShown(t *testing.T) {
	t.Parallel()
	for _, form := range []struct {
		name, before, after string
	}{
		{"before the host", "postgres://me:", "@127.0.0.1:1/db"},
		{"before the host, in the other scheme", "postgresql://me:", "@127.0.0.1:1"},
		{"before two hosts", "postgres://me:", "@127.0.0.1:1,127.0.0.1:2/db?sslmode=disable"},
		{"before a setting", "postgres://me:", "@127.0.0.1:1?sslmode=disable"},
		{"before a socket", "postgres://me:", "@/db?host=/nowhere"},
		{"without a user", "postgres://:", "@127.0.0.1:1/db"},
		{"in the query", "postgres://127.0.0.1:1/db?user=me&password=", ""},
		{"in the query, before others", "postgres://127.0.0.1:1/db?user=me&password=", "&sslmode=disable"},
		{"in the query, without a path", "postgres://127.0.0.1:1?user=me&password=", ""},
		{"before a wrong setting", "postgres://me:", "@127.0.0.1:1/db?sslmode=what"},
		{"before a wrong port", "postgres://me:", "@127.0.0.1:x/db"},
		{"without a host", "postgres://me:", ""}, // where what follows an @ must be the host, and a / the database
	} {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			for _, password := range []string{
				"hunZ@2xW", "hunZ/2xW", "hunZ#2xW", "hunZ?2xW", "hunZ%2xW", "hunZ%zqW", "hunZ:2xW", "hunZ&2xW", "hunZ=2xW", "hunZ 2xW",
				"hunZ\t2xW", "hunZ\n2xW", "hunZ\x002xW", "hunZ[2xW", "hunZ]2xW", "hunZ,2xW", `hunZ\2xW`, `hunZ"2xW`, "hunZ'2xW", "hunZ`2xW",
				"hunZ;2xW", "hunZ+2xW", "密码很长@密码更长/密码",
				"@hunZ2xW", "/hunZ2xW", "#hunZ2xW", "?hunZ2xW", "%hunZ2xW", "hunZ2xW@", "hunZ2xW/", "hunZ2xW%",
				"hun@Z2x@WqK", "hun/Z2x/WqK", "hun@Z2x/WqK", "hun/Z2x@WqK", "hun#Z2x@WqK", "hun?Z2x@WqK", "hun?Z2x/WqK", "hun@Z2x?WqK",
				"hun@Z2x?WqK=pQr", "hun@Z2x?WqK=pQr/sTu", "hun/Z2x?WqK=pQr", "123/hunZ2xW", "123/hun?Z2x=WqK", "123?hun=Z2x/WqK",
				"hun@Z2x:WqK", "hun@Z2x,WqK", "hun&Z2x=WqK", "hun&Z2x=W&qKp=8", "hunZ&krbsrvname=WqKp", "hunZ&port=WqKp", "hunZ%2", "hunZ@[WqKp", "a@[WqKp]:WqKp",
			} {
				if form.name == "without a host" && strings.ContainsAny(password, "@/") {
					continue
				}
				url := form.before + password + form.after
				requireHidden(t, Redact(url), password)
				err := CheckURL(url)
				if err == nil && !strings.Contains(form.after, "/nowhere") {
					_, err = Open(t.Context(), url, Options{})
				}
				if err != nil {
					requireHidden(t, err.Error(), password)
				}
			}
		})
	}
}

func TestAPasswordThatIsCutIsRefusedWithTheRemedy(t *testing.T) {
	for _, url := range []string{
		"postgres://me:hunter@2secret@localhost/db", "postgres://me:hunter/2secret@localhost/db", "postgres://me:12/secret@localhost/db",
		"postgres://me:hunter%2secret@localhost/db", "postgres://me:hunter@secret/x?y=z@localhost/db", "postgres://me@tenant:hunter2@localhost/db",
		"postgres://localhost?user=me&password=hunter@2secret", "postgres://localhost/db?password=hunter&2secret",
		"postgres://me:hunter%@localhost/db", "postgres://me:%@localhost/db", "postgres://me:100%%@localhost/db", "postgres://m%e@localhost/db",
		"postgres://localhost/db?user=me&password=hunter%2", "postgres://localhost/db?password=a%zz&sslmode=disable", "postgres://localhost/d%b",
	} {
		require.ErrorContains(t, CheckURL(url), "percent-encode", url)
		require.Equal(t, "postgres://…", Redact(url))
	}
}

func TestWhatAPasswordMayContainAsItIs(t *testing.T) {
	for url, password := range map[string]string{
		"postgres://me:hunter%402%2Fsecret%25@localhost/db":                                               "hunter@2/secret%",
		"postgres://me:hunter#2?secret:&=+,;@localhost/db":                                                "hunter#2?secret:&=+,;", // as libpq reads it
		"postgres://localhost/db?user=me@tenant&password=p@ss/#?+":                                        "p@ss/#?+",
		"postgres://me:pw@[::1]:5432,db2,db3:1/db?application_name=me@here&search_path=a,b&userorder.x=1": "pw",
	} {
		cfg, err := parsePostgres(url)
		require.NoError(t, err, url)
		require.Equal(t, password, cfg.ConnConfig.Password)
	}
}

func TestAWrongSettingOfAURLIsNamed(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://me:hunter2@localhost/db?sslmode=what":       "sslmode is invalid",
		"postgres://me@localhost:99999/db":                      "invalid port",
		"postgres://localhost:5432/db?connect_timeout=soon":     "connect_timeout",
		"postgres://me:hunter2@localhost/db?pool_max_conns=all": "pool_max_conns",
	} {
		require.ErrorContains(t, CheckURL(url), want, url)
	}
}

func TestTheSizeOfThePool(t *testing.T) {
	for url, want := range map[string]int32{
		"postgres://me@127.0.0.1:1/db":                   7,
		"postgres://me@127.0.0.1:1/db?pool_max_conns=31": 31,
	} {
		cfg, err := parsePostgres(url)
		require.NoError(t, err)
		_, err = openPostgres(context.Background(), url, cfg, Options{PoolSize: 7, PoolLifetime: time.Minute})
		require.Error(t, err, "nobody listens there")
		require.Equal(t, want, cfg.MaxConns)
		require.Equal(t, time.Minute, cfg.MaxConnLifetime)
		require.Equal(t, 6*time.Second, cfg.MaxConnLifetimeJitter)
	}
}
