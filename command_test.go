package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"userorder/database/databasetest"
	"userorder/settings"

	"github.com/stretchr/testify/require"
)

// said runs a command and returns what it writes.
func said(t *testing.T, settings map[string]string, args ...string) (text string, err error) {
	t.Helper()
	var stdout bytes.Buffer
	err = run(t.Context(), args, environment(settings), &stdout)
	return stdout.String(), err
}

func TestHelpListsEveryCommandAndEverySettingWhateverTheSettingsAre(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{"PORT": "http", "JWT_SECRET": "hunter2"}
	want, err := said(t, nil, "help")
	require.NoError(t, err)
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"serve", "--help"}, {"backup", "-h"}} {
		text, err := said(t, wrong, args...)
		require.NoError(t, err)
		require.Equal(t, want, text)
	}
	require.Contains(t, want, "usage: userorder [command]")
	for _, c := range commands() {
		require.Regexp(t, `(?m)^  `+c.name+` .*`+regexp.QuoteMeta(c.about)+`$`, want)
	}
	require.Regexp(t, `(?m)^PORT +5000 +the port`, want)
	for line := range strings.Lines(want) {
		require.LessOrEqual(t, len(line), 130, line)
	}
}

func TestHelpSaysWhatEachSettingMeans(t *testing.T) {
	t.Parallel()
	s := settings.NewReader(t.Context(), environment(nil))
	readConfig(s)
	var names []string
	for _, read := range s.Read() {
		require.NotEmpty(t, read.Meaning, "help has nothing to say of %s", read.Name)
		names = append(names, read.Name)
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), len(names), "one is read twice")
}

func TestConfigShowsWhereEachSettingComesFromAndNoSecret(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("hunter2", 6)+"\n"), 0o600))
	text, err := said(t, map[string]string{
		"PORT": "8080", "TOKEN_TTL": " ", "DATABASE_URL": "postgres://me:hunter2@host/db?sslmode=disable",
		"ORDER_DATABASE_URL": "sqlite:orders.db", "JWT_SECRET_FILE": file, "JWT_SECRET_PREVIOUS": strings.Repeat("hunter2", 5),
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:hunter2@collector:4318",
	}, "config")
	require.NoError(t, err)
	for _, line := range []string{
		`PORT +8080 +environment`,
		`TOKEN_TTL +1h +default`,
		`MODULES +` + strings.Join(moduleNames(), ",") + ` +default`,
		`OPS_ADDR +off +default`,
		`TRUSTED_PROXIES +- +default`,
		`DATABASE_URL +postgres://me@host:5432/db +environment`,
		`USER_DATABASE_URL +postgres://me@host:5432/db +DATABASE_URL`,
		`ORDER_DATABASE_URL +sqlite:orders.db +environment`,
		`JWT_SECRET +\*\*\* +file ` + regexp.QuoteMeta(file),
		`JWT_SECRET_PREVIOUS +\*\*\* +environment`,
		`OTEL_EXPORTER_OTLP_ENDPOINT +http://me:xxxxx@collector:4318 +environment`,
	} {
		require.Regexp(t, `(?m)^`+line+`$`, text)
	}
	require.NotContains(t, text, "hunter2")
}

func TestConfigShowsWhatItCanOfWrongSettings(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{
		{"DATABASE_URL": "mysql://me:hunter2@host/db", "PORT": "8080"},
		{"JWT_SECRET": "hunter2", "PORT": "8080"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "me:hunter2@collector:4317", "PORT": "8080"},
		{"DATABASE_URL": "postgres://me:hunter2@host/db", "PORT": "8080"}, // without a secret
		{"DATABASE_URL": "postgres://me:p@hunter2@host/db", "PORT": "8080"},
		{"DATABASE_URL": "postgres://me:p/hunter2@host/db", "PORT": "8080"},
		{"DATABASE_URL": "postgres://me:12/hunter2@host/db", "PORT": "8080"},
		{"DATABASE_URL": "postgres://me:p%hunter2@host/db", "PORT": "8080"},
		{"DATABASE_URL": "postgres://me:p@x?hunter2=y@host/db", "PORT": "8080"},
		{"ORDER_DATABASE_URL": "postgres://host/db?password=p&hunter2", "PORT": "8080"},
	} {
		text, err := said(t, env, "config")
		require.ErrorIs(t, err, settings.ErrInvalid)
		require.Regexp(t, `PORT +8080 +environment\n`, text)
		require.NotContains(t, text+err.Error(), "hunter2")
	}
}

func TestVersionSaysWhatItWasBuiltFrom(t *testing.T) {
	t.Parallel()
	text, err := said(t, map[string]string{"PORT": "http"}, "version")
	require.NoError(t, err)
	for _, flag := range []string{"--version", "-version", "-v"} {
		again, err := said(t, nil, flag)
		require.NoError(t, err)
		require.Equal(t, text, again)
	}
	require.Regexp(t, `^userorder \S+\ncommit \S+\ngo1\.\S+ \w+/\w+\n$`, text)
}

func TestAWrongCommandIsAnsweredWithTheUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"sevre", `there is no command "sevre"`},
		{"--sevre", `there is no command "--sevre"`},
		{"serve 5000", "serve takes no operands"},
		{"version now", "version takes no operands"},
		{"webhook-secret new", "webhook-secret takes no operands"},
		{"--version now", `there is no command "--version"`},
		{"config PORT", "config takes no operands"},
		{"help me", "help takes no operands"},
		{"backup", "backup takes FILE"},
		{"backup a b", "backup takes FILE"},
		{"restore", "restore takes FILE"},
		{"restore a b", "restore takes FILE"},
		{"migrate-data", "migrate-data takes --from URL --to URL"},
		{"migrate-data --from sqlite:a", "migrate-data takes --from URL --to URL"},
		{"migrate-data --from a --to b c", "migrate-data takes --from URL --to URL"},
	} {
		text, err := said(t, nil, strings.Split(test.args, " ")...)
		require.ErrorIs(t, err, errUsage, test.args)
		require.Contains(t, err.Error(), "userorder: "+test.want+"\n\nusage: userorder [command]\n\n  serve ")
		require.Empty(t, text)
	}
	for _, args := range [][]string{{""}, {"backup", ""}} {
		_, err := said(t, nil, args...)
		require.ErrorIs(t, err, errUsage)
	}
}

func TestMigrateDataNamesEveryOptionAtFault(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, link := filepath.Join(folder, "app.db"), filepath.Join(folder, "link.db")
	used := databasetest.Open(t, "sqlite:"+file)
	require.NoError(t, os.Symlink("app.db", link))
	same := "wrong options:\n--from and --to name the same database."
	for _, test := range []struct{ from, to, want string }{
		{"app.db", "mysql://me:hunter2@host/db", "wrong options:\n--from must be sqlite:PATH or postgres://….\n--to must be sqlite:PATH or postgres://…."},
		{"sqlite:" + file, "sqlite:" + folder + "/./app.db", same},
		{"sqlite:" + file, "sqlite:" + link, same},
		{"postgres://host/db", "postgres://host/db", same},
	} {
		_, err := said(t, nil, "migrate-data", "--from", test.from, "--to", test.to)
		require.ErrorIs(t, err, errOptions)
		require.EqualError(t, err, test.want)
	}
	for _, test := range []struct{ from, to, want string }{
		{"sqlite:" + file + ".none", "sqlite:" + file, "--from: there is no file " + file + ".none: name another path"},
		{"sqlite:" + file, "sqlite:" + file + ".new", "--from: open sqlite:" + file + ": another process is using it: stop that one, or name another path"},
	} {
		_, err := said(t, nil, "migrate-data", "--from", test.from, "--to", test.to)
		require.EqualError(t, err, test.want)
		require.NoFileExists(t, file+".new")
	}
	require.NoError(t, used.Close())
	_, err := said(t, map[string]string{"DATABASE_URL": "sqlite:" + file}, "migrate")
	require.NoError(t, err)
	_, err = said(t, nil, "migrate-data", "--from", "sqlite:"+file, "--to", "sqlite:"+folder)
	require.EqualError(t, err, "--to: open sqlite:"+folder+": it is a folder and must be a regular file: name another path")
}

func TestTheSettingThatNamesADatabaseIsSaidWhenItCannotBeOpened(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "none.db")
	folder := filepath.Dir(file)
	_, err := said(t, map[string]string{"DATABASE_URL": "sqlite:" + file}, "backup", file+".backup")
	require.EqualError(t, err, "DATABASE_URL: there is no file "+file+": name another path")
	_, err = said(t, map[string]string{"ORDER_DATABASE_URL": "sqlite:" + file, "MODULES": "order"}, "backup", file+".backup")
	require.EqualError(t, err, "ORDER_DATABASE_URL: there is no file "+file+": name another path")
	_, err = said(t, map[string]string{"DATABASE_URL": "sqlite:" + file, "ORDER_DATABASE_URL": "sqlite:" + folder}, "migrate")
	require.EqualError(t, err, "ORDER_DATABASE_URL: open sqlite:"+folder+": it is a folder and must be a regular file: name another path")
}

func TestAHealthcheckThatFailsSaysWhichSettingsMustBeThoseOfTheService(t *testing.T) {
	t.Parallel()
	answer := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(answer) }))
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	const hint = ": HOST, PORT and OPS_ADDR must be those of the service"
	text, err := said(t, map[string]string{"HOST": host, "PORT": port}, "healthcheck")
	require.NoError(t, err)
	require.Empty(t, text)
	answer = http.StatusNotFound // another program
	_, err = said(t, map[string]string{"HOST": host, "PORT": port}, "healthcheck")
	require.EqualError(t, err, server.URL+"/healthz: 404 not found"+hint)
	server.Close()
	_, err = said(t, map[string]string{"OPS_ADDR": host + ":" + port}, "healthcheck")
	require.ErrorContains(t, err, "refused"+hint)
}

func TestAHealthcheckLooksNoNameUp(t *testing.T) {
	for _, loopback := range []string{"127.0.0.1", "::1"} {
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue // a machine without IPv6
		}
		require.NoError(t, err)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		require.NoError(t, err)
		connection, err := dial(t.Context(), "tcp", "localhost:"+port)
		require.NoError(t, err)
		require.Equal(t, listener.Addr().String(), connection.RemoteAddr().String())
		require.NoError(t, connection.Close())
		require.NoError(t, listener.Close())
		_, err = dial(t.Context(), "tcp", "localhost:"+port)
		require.ErrorContains(t, err, "127.0.0.1:"+port, "the address of IPv4 is the one that people know")
	}
}

func TestWhereThisMachineReachesAnAddress(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:5000": "localhost:5000", "[::]:5000": "localhost:5000", ":5000": "localhost:5000",
		"127.0.0.1:80": "127.0.0.1:80", "[fd00::1]:80": "[fd00::1]:80", "shop.example:80": "shop.example:80",
		"[fe80::1%eth0]:80": "[fe80::1%25eth0]:80",
	} {
		require.Equal(t, want, reachable(address))
	}
}

func TestMigrateWarnsOfAccountsThatHaveOneNameNow(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	env := map[string]string{"DATABASE_URL": url}
	_, err := said(t, env, "migrate")
	require.NoError(t, err)
	db := databasetest.Open(t, url)
	for _, statement := range []string{ // as the release before the new keys has left it
		"INSERT INTO users (username, username_key, email, password_hash, created_at) VALUES ('Straße', 'straße', '', '', 0), ('strasse', 'strasse', '', '', 0)",
		"DROP INDEX users_staff", "ALTER TABLE users DROP COLUMN role", "ALTER TABLE users DROP COLUMN disabled_at",
		"DROP TABLE user_events", "DROP TABLE login_addresses", "DROP TABLE password_resets",
		"DELETE FROM goose_user WHERE version_id > 3",
	} {
		_, err := db.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	text, err := said(t, env, "migrate")
	require.NoError(t, err)
	require.Contains(t, text, "two accounts have one name now")
	require.Contains(t, text, "keeps_name=Straße keeps_userid=1 other_name=strasse other_userid=2")
	require.Contains(t, text, "The tables of user in "+url+" are up to date.")
}
