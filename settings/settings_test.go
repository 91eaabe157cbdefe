package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func environment(variables map[string]string) (environ []string) {
	for name, value := range variables {
		environ = append(environ, name+"="+value)
	}
	return environ
}

var errOdd = errors.New("must be even")

func even(text string) (int, error) {
	if len(text)%2 != 0 {
		return 0, errOdd
	}
	return len(text), nil
}

func anyHost(host string) (string, error) { return host, nil }

func TestASettingIsReadWithItsSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte("hunter2\n"), 0o600))
	r := NewReader(t.Context(), environment(map[string]string{
		"PLAIN": " a ", "EMPTY": " ", "NUMBER": "7", "TTL": "90s", "WORD": "JSON", "LIST": "a, ,b", "EVEN": "four",
		"ADDRESS": "127.0.0.1:80", "SECRET_FILE": path, "URL": "me:hunter2@host",
	}))
	mask := func(string) (string, error) { return Masked, nil }
	require.Equal(t, "a", r.Text("PLAIN", "x", "m"))
	require.Equal(t, "x", r.Text("EMPTY", "x", "m"))
	require.Equal(t, 7, r.Integer("NUMBER", 1, 1, 10, "m"))
	require.Equal(t, 90*time.Second, r.Duration("TTL", time.Hour, 0, time.Hour, "m"))
	require.Equal(t, "json", r.OneOf("WORD", "m", "text", "json"))
	require.Equal(t, []string{"a", "b"}, r.SomeOf("LIST", "m", "a", "b", "c"))
	require.Equal(t, 4, Value(r, "EVEN", "", "m", even))
	require.Equal(t, "127.0.0.1:80", r.Address("ADDRESS", "m", anyHost))
	require.Equal(t, "hunter2", r.Secret("SECRET", "m", Fallback{}, mask), "the line break belongs to it")
	require.Equal(t, "me:hunter2@host", r.Redacted("URL", "m", mask))
	require.Equal(t, "a", r.Secret("OWN", "m", Fallback{Value: "a", Source: "SHARED"}, mask))
	require.NoError(t, r.Err())
	require.Equal(t, []Setting{
		{"PLAIN", "a", "environment", "m"}, {"EMPTY", "x", "default", "m"}, {"NUMBER", "7", "environment", "m"},
		{"TTL", "90s", "environment", "m"}, {"WORD", "JSON", "environment", "m"}, {"LIST", "a, ,b", "environment", "m"},
		{"EVEN", "four", "environment", "m"}, {"ADDRESS", "127.0.0.1:80", "environment", "m"},
		{"SECRET", "***", "file " + path, "m"}, {"URL", "***", "environment", "m"}, {"OWN", "***", "SHARED", "m"},
	}, r.Read())
}

func TestADefaultIsShownAsOneWouldWriteIt(t *testing.T) {
	for duration, want := range map[time.Duration]string{
		time.Hour: "1h", 30 * time.Minute: "30m", 90 * time.Second: "1m30s", time.Second: "1s", 0: "0s", 720 * time.Hour: "720h",
	} {
		r := NewReader(t.Context(), environment(nil))
		require.Equal(t, duration, r.Duration("TTL", duration, 0, 1000*time.Hour, "m"))
		require.Equal(t, want, r.Read()[0].Value)
	}
}

func TestAllFaultsAreShownAtOnceOneSentenceEach(t *testing.T) {
	r := NewReader(t.Context(), environment(map[string]string{
		"NUMBER": "11", "TTL": "1", "WORD": "xml", "LIST": "a,d", "EVEN": "odd", "ELEMENTS": "four,odd", "ADDRESS": "80",
		"SECRET": "hunter2", "SECRET_FILE": "/nowhere", "URL": "hunter2",
	}))
	refuse := func(string) (string, error) { return "", errors.New("has no host") }
	r.Integer("NUMBER", 1, 1, 10, "m")
	r.Duration("TTL", time.Hour, time.Second, 24*time.Hour, "m")
	r.OneOf("WORD", "m", "text", "json")
	r.SomeOf("LIST", "m", "a", "b", "c")
	Value(r, "EVEN", "", "m", even)
	Values(r, "ELEMENTS", "m", even)
	r.Address("ADDRESS", "m", anyHost)
	r.Secret("SECRET", "m", Fallback{}, func(string) (string, error) { return Masked, nil })
	require.Equal(t, "fallback", r.Secret("URL", "m", Fallback{Value: "fallback"}, refuse))
	err := r.Err()
	require.ErrorIs(t, err, ErrInvalid)
	require.Equal(t, strings.Join([]string{
		`wrong settings:`,
		`NUMBER is "11" but must be a whole number from 1 to 10.`,
		`TTL is "1" but must be a time from 1s to 24h, like 90s, 15m or 1h.`,
		`WORD is "xml" but must be one of: text, json.`,
		`LIST has "d" but knows only: a, b, c.`,
		`EVEN is "odd" but must be even.`,
		`ELEMENTS has "odd" but must be even.`,
		`ADDRESS is "80" but must be off or HOST:PORT, like 127.0.0.1:5001.`,
		`SECRET and SECRET_FILE are both set: one of them is enough.`,
		`URL has no host.`,
	}, "\n"), err.Error())
	for _, read := range r.Read() {
		require.NotContains(t, read.Value, "hunter2")
	}
}

func TestWhatNobodySeesAroundAValueIsNoPartOfIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	mask := func(string) (string, error) { return Masked, nil }
	for _, text := range []string{"v", " v", "v\n", "v\r\n", "\ufeffv", "\ufeff v\t\r", "\u00a0v\u3000", "\n\n\ufeffv\ufeff"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		r := NewReader(t.Context(), []string{"TEXT=" + text, "SECRET=" + text, "KEY_FILE=" + path})
		require.Equal(t, "v", r.Text("TEXT", "", "m"), "%q", text)
		require.Equal(t, "v", r.Secret("SECRET", "m", Fallback{}, mask), "%q", text)
		require.Equal(t, "v", r.Secret("KEY", "m", Fallback{}, mask), "%q", text)
		require.NoError(t, r.Err())
	}
	for _, blank := range []string{" ", "\n", "\ufeff", "\r\n\ufeff\u3000"} {
		require.NoError(t, os.WriteFile(path, []byte(blank), 0o600))
		r := NewReader(t.Context(), []string{"SECRET=" + blank, "KEY_FILE=" + path})
		require.Empty(t, r.Secret("SECRET", "m", Fallback{}, mask))
		require.NoError(t, r.Err())
		require.Empty(t, r.Secret("KEY", "m", Fallback{}, mask))
		require.EqualError(t, r.Err(), "wrong settings:\nKEY_FILE names a file that is empty: "+path+".")
	}
}

func TestANameThatIsNearlyThatOfASettingIsNoticed(t *testing.T) {
	for name, meant := range map[string]string{
		"DATABSE_URL": "DATABASE_URL", "DATABASE_URI": "DATABASE_URL", "DATABASEURL": "DATABASE_URL", "database_url": "DATABASE_URL",
		"DATABASE-URL": "DATABASE_URL", "JWT_SECRET_KEY": "JWT_SECRET", "JWT_SERCET": "JWT_SECRET", "JWT_SECRET_FIEL": "JWT_SECRET_FILE",
		"port": "PORT", "Host": "HOST", "TOKEN_TLL": "TOKEN_TTL", "MODULE": "", "HOSTNAME": "", "HOME": "", "PORTS": "", "PATH": "",
		"TEST_DATABASE_URL": "", "POSTGRES_URL": "", "SECRET": "", "OTEL_SERVICE_NAME": "", "USER": "",

		"JWT_SECRET_PREV": "JWT_SECRET_PREVIOUS", "JWT_SECRET_OLD": "JWT_SECRET_PREVIOUS", "JWT_PREVIOUS_SECRET": "JWT_SECRET_PREVIOUS",
		"PREVIOUS_JWT_SECRET": "JWT_SECRET_PREVIOUS", "OLD_JWT_SECRET_FILE": "JWT_SECRET_PREVIOUS_FILE",
		"JWT_SECRET_FILE_PATH": "JWT_SECRET_FILE", "JWT_SECRETS": "JWT_SECRET", "JWT_SECRET_NEW": "JWT_SECRET",
		"TRUSTED_PROXY": "TRUSTED_PROXIES", "TRUST_PROXY": "TRUSTED_PROXIES", "OPS_ADDRESS": "OPS_ADDR", "OPS_ADRR": "OPS_ADDR",
		"MAX_CONNS": "MAX_CONNECTIONS", "MAX_CONNECTION": "MAX_CONNECTIONS", "CORS_ALLOWED_ORIGINS": "CORS_ORIGINS",
		"CORS_ORIGIN": "CORS_ORIGINS", "cors-origins-allowed": "CORS_ORIGINS", "DB_URL": "DATABASE_URL", "DATABASE_URL_RO": "DATABASE_URL",
		"PORTT": "PORT", "HSOT": "HOST", "POTR": "PORT", "HOOST": "HOST", "MDOULES": "MODULES",

		"PORT0": "", "PORTAL": "", "POST": "", "SPORT": "", "HOSTS": "", "GHOST": "", "HOSTTYPE": "", "SSH_CONNECTION": "", "PGHOST": "",
		"PGPORT": "", "DB_HOST": "", "DB_PORT": "", "KUBERNETES_PORT": "", "KUBERNETES_SERVICE_HOST": "", "USER_PORT": "", "LOGNAME": "",
		"HTTP_PROXY": "", "NO_PROXY": "", "MY_JWT_SECRET": "", "BILLING_DATABASE_URL": "", "OPS_PORT": "", "MAX_MEMORY": "", "TOKEN": "",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "", "OTEL_EXPORTER_OTLP_HEADERS": "", "DBUS_SESSION_BUS_ADDRESS": "", "XDG_DATA_DIRS": "",
	} {
		r := NewReader(t.Context(), []string{name + "=x", "DATABASE_URL=x"})
		for _, setting := range []string{
			"HOST", "PORT", "MODULES", "TOKEN_TTL", "TRUSTED_PROXIES", "OPS_ADDR", "MAX_CONNECTIONS", "MAX_CONNECTIONS_PER_CLIENT",
			"CORS_ORIGINS", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		} {
			r.Text(setting, "", "m")
		}
		show := func(string) (string, error) { return "", nil }
		r.Secret("DATABASE_URL", "m", Fallback{}, show)
		r.Secret("JWT_SECRET", "m", Fallback{}, show)
		r.Secret("JWT_SECRET_PREVIOUS", "m", Fallback{}, show)
		if meant == "" {
			require.Empty(t, r.Misspelled(), name)
		} else {
			require.Equal(t, []Misspelling{{name, meant}}, r.Misspelled())
		}
	}
	r := NewReader(t.Context(), []string{"DATABSE_URL="})
	r.Text("DATABASE_URL", "", "m")
	require.Empty(t, r.Misspelled(), "one that is empty counts as unset")
}
