package main

import (
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
	"userorder/doctor"
)

// aSecret looks random.
const aSecret = "0vWnIhV3f9mTqJb7yYx2cK5sLg8dRzAe1uPo4"

// installed returns the settings of an installation that is well, on the database at url, which the service has been
// started on once.
func installed(t *testing.T, url string, settings ...string) map[string]string {
	t.Helper()
	all := append([]string{"JWT_SECRET", aSecret}, settings...)
	if strings.HasPrefix(url, "sqlite:") {
		folder := t.TempDir()
		backup := filepath.Join(folder, "test-"+time.Now().UTC().Format("20060102T150405Z")+".db")
		require.NoError(t, os.WriteFile(backup, []byte("a backup"), 0o600))
		all = append(all, "BACKUP_DIR", folder)
		require.NoError(t, os.Chmod(filepath.Dir(strings.TrimPrefix(url, "sqlite:")), 0o700))
	}
	env := map[string]string{"DATABASE_URL": url}
	for i := 0; i < len(all); i += 2 {
		env[all[i]] = all[i+1]
	}
	cfg, err := loadConfig(t.Context(), environment(env))
	require.NoError(t, err)
	service, err := newService(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, service.Close())
	return env
}

// doctorSays runs the doctor.
func doctorSays(t *testing.T, settings map[string]string, args ...string) (text string, status int) {
	t.Helper()
	text, err := said(t, settings, append([]string{"doctor"}, args...)...)
	if err != nil {
		var exit exitStatus
		require.ErrorAs(t, err, &exit)
		status = int(exit)
	}
	require.NotContains(t, text, "hunter2")
	return text, status
}

// requireOnly requires a report with one line that is not ok, which matches a pattern.
func requireOnly(t *testing.T, settings map[string]string, pattern string) {
	t.Helper()
	text, status := doctorSays(t, settings)
	want := doctor.Fault
	if strings.HasPrefix(pattern, "warning ") {
		want = doctor.Warning
	}
	require.Regexp(t, `(?m)^`+pattern+`$`, text)
	require.Equal(t, int(want), status, text)
	require.Len(t, regexp.MustCompile(`(?m)^(warning|fault) `).FindAllString(text, -1), 1, text)
}

func TestTheDoctorFindsNothingWrongWithAnInstallationThatIsWell(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		settings := installed(t, url)
		text, status := doctorSays(t, settings)
		require.Zero(t, status, text)
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for _, line := range lines[:len(lines)-2] {
			require.Regexp(t, `^ok       [a-z]+ +\S`, line)
		}
		require.Regexp(t, `^\d+ ok, 0 warnings, 0 faults$`, lines[len(lines)-1])

		text, status = doctorSays(t, settings, "--json")
		require.Zero(t, status, text)
		var report struct {
			Checks  []struct{ Check, State, Found, Remedy string }
			Summary struct {
				State                string
				OK, Warnings, Faults int
			}
		}
		require.NoError(t, json.Unmarshal([]byte(text), &report))
		require.Len(t, report.Checks, len(lines)-2)
		require.Equal(t, "ok", report.Summary.State)
		require.Equal(t, len(lines)-2, report.Summary.OK)
		require.Equal(t, "settings", report.Checks[0].Check)
	})
}

func TestTheDoctorTakesNoOperands(t *testing.T) {
	t.Parallel()
	for _, operands := range []string{"now", "--jsn", "--json now"} {
		_, err := said(t, nil, append([]string{"doctor"}, strings.Split(operands, " ")...)...)
		require.ErrorIs(t, err, errUsage)
		require.ErrorContains(t, err, "userorder: doctor takes [--json]\n")
	}
}

func TestTheDoctorNamesEverySettingAtFault(t *testing.T) {
	t.Parallel()
	text, status := doctorSays(t, map[string]string{
		"PORT": "http", "JWT_SECRET": "hunter2", "DATABSE_URL": "x", "PUBLIC_URL": "https://me:hunter2@shop.example",
	})
	require.Equal(t, 2, status)
	for _, line := range []string{
		`fault    settings  PORT is "http" but must be a whole number from 0 to 65535 → correct it: .*`,
		`fault    settings  JWT_SECRET has 7 bytes and needs at least 32 → correct it: .*`,
		`fault    settings  PUBLIC_URL must be a URL without a path, like https://shop.example.com → correct it: .*`,
		`warning  settings  DATABSE_URL is not a setting: DATABASE_URL may be meant → rename or unset it`,
		`1 ok, 1 warning, 3 faults`,
	} {
		require.Regexp(t, `(?m)^`+line+`$`, text)
	}
	text, status = doctorSays(t, map[string]string{"DATABASE_URL": "postgres://me:hunter2@host/db"}) // without a secret
	require.Equal(t, 2, status)
	require.Contains(t, text, "JWT_SECRET must be set with PostgreSQL")
}

func TestTheDoctorLooksAtTheSecret(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	t.Parallel()
	for name, test := range map[string]struct {
		text         string
		folder, file os.FileMode
		want         string
	}{
		"that others can read":                   {aSecret, 0o711, 0o644, `fault +secret +other users can read or change \S+jwt_secret: -rw-r--r-- → chmod 600 \S+jwt_secret; .*`},
		"in an open folder":                      {aSecret, 0o755, 0o600, `warning +secret +other users can list or change the folder of the secret, \S+: drwxr-xr-x → chmod 700 \S+`},
		"that is short":                          {"hunter2", 0o700, 0o600, `fault +secret +\S+jwt_secret has 7 bytes and needs at least 32 → remove it for a new one, which logs everybody out`},
		"of a few characters":                    {strings.Repeat("ab", 20), 0o700, 0o600, `warning +secret +it has only 2 different characters, .*`},
		"that is gone":                           {"", 0o700, 0o600, `warning +secret +there is no file \S+jwt_secret → put it back, or set JWT_SECRET: .*`},
		"of a group alone, in a file of its own": {aSecret, 0o711, 0o640, ``},
		"in a file of its own":                   {aSecret, 0o711, 0o644, `warning +secret +all users can read or change \S+own: -rw-r--r-- → chmod 600 .*`},
		"of a pair of settings":                  {aSecret, 0o700, 0o600, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := databasetest.SQLite(t)
			settings := installed(t, url)
			folder := filepath.Dir(strings.TrimPrefix(url, "sqlite:"))
			path := filepath.Join(folder, "jwt_secret")
			delete(settings, "JWT_SECRET")
			if strings.HasSuffix(name, "its own") {
				path = filepath.Join(folder, "own")
				settings["JWT_SECRET_FILE"] = path
			}
			if test.text != "" {
				require.NoError(t, os.WriteFile(path, []byte(test.text), 0o600))
				require.NoError(t, os.Chmod(path, test.file))
			}
			require.NoError(t, os.Chmod(folder, test.folder))
			if test.want == "" {
				text, status := doctorSays(t, settings)
				require.Zero(t, status, text)
				return
			}
			requireOnly(t, settings, test.want)
			_, err := os.Stat(path)
			require.Equal(t, test.text == "", os.IsNotExist(err), "it made a secret")
		})
	}
}

func TestTheDoctorLooksAtAllSecretsOfTheSettings(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	well, folder := installed(t, url), t.TempDir() // which others may enter
	inFile := func(text string, mode os.FileMode) string {
		file, err := os.CreateTemp(folder, "secret")
		require.NoError(t, err)
		_, err = file.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, file.Chmod(mode))
		require.NoError(t, file.Close())
		return file.Name()
	}
	smtp := []string{"SMTP_URL_FILE", inFile("smtp://me:hunter2@127.0.0.1:1", 0o644), "MAIL_FROM", "shop@shop.example", "RESET_URL", "https://shop.example/?t={token}"}
	for name, test := range map[string]struct {
		settings []string
		want     string
	}{
		"a previous one that is weak": {[]string{"JWT_SECRET_PREVIOUS", strings.Repeat("ab", 20)},
			`warning +secret +JWT_SECRET_PREVIOUS has only 2 different characters, so it may be guessed → unset it, .*`},
		"a previous one in a file": {[]string{"JWT_SECRET_PREVIOUS_FILE", inFile(aSecret, 0o644)},
			`warning +secret +all users can read or change \S+: -rw-r--r-- → chmod 600 \S+; if somebody has read it, a new secret is due`},
		"a previous one in a file of a group": {[]string{"JWT_SECRET_PREVIOUS_FILE", inFile(aSecret, 0o640)}, ``},
		"the URL of the database":             {[]string{"DATABASE_URL", "", "DATABASE_URL_FILE", inFile(url, 0o604)}, `warning +secret +all users can read or change .*`},
		"one that only its owner can read":    {[]string{"JWT_SECRET", "", "JWT_SECRET_FILE", inFile(aSecret, 0o600)}, ``},
		"the password of the mail server":     {smtp, `warning +secret +all users can read or change .*`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := maps.Clone(well)
			for i := 0; i < len(test.settings); i += 2 {
				settings[test.settings[i]] = test.settings[i+1]
			}
			text, _ := doctorSays(t, settings)
			lines := regexp.MustCompile(`(?m)^(warning|fault) +secret .*$`).FindAllString(text, -1)
			if test.want == "" {
				require.Empty(t, lines)
				return
			}
			require.Len(t, lines, 1, text)
			require.Regexp(t, `^`+test.want+`$`, lines[0])
		})
	}
}

// noMail is a session in which no mail comes.
type noMail struct{ smtp.Session }

func (noMail) Logout() error { return nil }
func (noMail) Reset()        {}

func TestTheDoctorAsksTheMailServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return noMail{}, nil }))
	server.Domain, server.ErrorLog = "mail.example", log.New(io.Discard, "", 0)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	settings := installed(t, databasetest.SQLite(t), "MAIL_FROM", "shop@shop.example", "RESET_URL", "https://shop.example/?t={token}")
	for url, want := range map[string]string{
		"smtp://me:hunter2@127.0.0.1:1":        `fault +mail +smtp://me:\*\*\*@127\.0\.0\.1:1: cannot connect: .* refused → correct SMTP_URL, .*`,
		"smtp://me:hunter2@0.0.0.0:" + port:    `fault +mail +smtp://me:\*\*\*@0\.0\.0\.0:\d+: the server does not offer STARTTLS → .*`, // no loopback host by name
		"smtps://me:hunter2@127.0.0.1:" + port: `fault +mail +smtps://me:\*\*\*@127\.0\.0\.1:\d+: the server does not speak TLS → .*`,
	} {
		settings["SMTP_URL"] = url
		requireOnly(t, settings, want)
	}
	settings["SMTP_URL"] = "smtp://127.0.0.1:" + port
	text, status := doctorSays(t, settings)
	require.Zero(t, status, text)
	require.Regexp(t, `(?m)^ok +mail +smtp://127\.0\.0\.1:\d+ takes our session$`, text)
}

func TestTheDoctorGoesTheWayOfClients(t *testing.T) {
	t.Parallel()
	url := databasetest.SQLite(t)
	settings := installed(t, url)
	service := httptest.NewServer(handlerOn(t, databasetest.SQLite(t)))
	t.Cleanup(service.Close)
	host, port, err := net.SplitHostPort(service.Listener.Addr().String())
	require.NoError(t, err)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "" && strings.HasPrefix(r.Host, "localhost") {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusMovedPermanently)
		}
		_, _ = io.WriteString(w, `{"code":0}`)
	}))
	t.Cleanup(other.Close)
	secured := httptest.NewTLSServer(service.Config.Handler)
	t.Cleanup(secured.Close)
	settings["HOST"], settings["PORT"], settings["PUBLIC_URL"] = host, port, service.URL
	text, status := doctorSays(t, settings)
	require.Zero(t, status, text)
	require.Regexp(t, `(?m)^ok +proxy +http://\S+/healthz answers in \d+m?s$`, text)
	for _, test := range []struct{ name, value, want string }{
		{"PUBLIC_URL", other.URL, `fault +proxy +http://\S+/healthz is answered by another program → look into the proxy, .*`},
		{"PUBLIC_URL", strings.Replace(other.URL, "127.0.0.1", "localhost", 1), `fault +proxy +http://\S+/healthz answers 301 moved permanently → .*`},
		{"PUBLIC_URL", "http://127.0.0.1:1", `fault +proxy +Get "http://127\.0\.0\.1:1/healthz": .* refused → .*`},
		{"PUBLIC_URL", secured.URL, `fault +proxy +Get \S+ tls: failed to verify certificate: .* → .*`},
		{"PORT", "5000", `warning +proxy +http://\S+ seems to lead through a proxy, and TRUSTED_PROXIES is empty: all clients share the limits of one address → set TRUSTED_PROXIES .*`},
		{"TRUSTED_PROXIES", "0.0.0.0/0", `fault +proxy +TRUSTED_PROXIES has 0\.0\.0\.0/0: any client may pass itself off as another, past all limits → .*`},
	} {
		before := settings[test.name]
		settings[test.name] = test.value
		requireOnly(t, settings, test.want)
		settings[test.name] = before
	}
}

func TestWhichVersionsAreBad(t *testing.T) {
	t.Parallel()
	require.Equal(t, doctor.OK, judgeVersions("v1", "1.26.8", "3.54.1")[0].State)
	found := judgeVersions("v1", "1.26.1", "3.51.2")
	require.Len(t, found, 2)
	require.Equal(t, doctor.Fault, found[0].State)
	require.Equal(t, "it has SQLite 3.51.2: two connections at once may damage a file in WAL mode (https://www.sqlite.org/wal.html#walresetbug)", found[0].Found)
	require.Equal(t, "use a build with Go 1.26.2 or later", found[1].Remedy)
	for _, test := range []struct {
		version, other string
		before         bool
	}{
		{"1.26.8", "1.26.10", true}, {"1.26.10", "1.26.8", false}, {"1.26", "1.26.0", false}, {"1.27rc1", "1.27.0", false},
		{"1.26.7", "1.27rc1", true}, {"", "3.7.0", true}, {"3.51.3", "3.51.3", false},
	} {
		require.Equal(t, test.before, isBefore(test.version, test.other), "%v", test)
	}
}
