package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/httpapi"
	"userorder/settings"
	"userorder/user"
)

func TestAStartThatFailsNamesVariablesThatAreNearlySettings(t *testing.T) {
	_, err := loadConfig(t.Context(), environment(map[string]string{"DATABASE_URL": "postgres://me@db/shop", "JWT_SECRET_KEY": "hunter2"}))
	require.ErrorContains(t, err, "JWT_SECRET must be set with PostgreSQL")
	require.ErrorContains(t, err, "\nJWT_SECRET_KEY is not a setting: JWT_SECRET may be meant.")
	require.NotContains(t, err.Error(), "hunter2")
	_, err = loadConfig(t.Context(), environment(map[string]string{"JWT_SECRET_KEY": "hunter2"}))
	require.NoError(t, err, "by itself it is no fault")
}

func TestEverySettingHasADefault(t *testing.T) {
	cfg, err := loadConfig(t.Context(), environment(nil))
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:5000", cfg.Listen.Address)
	require.Equal(t, moduleNames(), cfg.Modules)
	for _, name := range moduleNames() {
		require.Equal(t, "sqlite:data/app.db", cfg.DatabaseURLs[name], name)
	}
	require.Equal(t, filepath.Join("data", "jwt_secret"), cfg.SecretPath)
	require.Equal(t, time.Hour, cfg.TokenTTL)
	require.GreaterOrEqual(t, cfg.HashConcurrency, 1)
	require.Empty(t, cfg.TrustedProxies)
	require.False(t, cfg.LogJSON)
	require.Empty(t, cfg.Origins)
	require.Empty(t, cfg.OpsAddress)
	require.False(t, cfg.Traces)
	require.Equal(t, 10_000, cfg.MaxConnections)
	require.Equal(t, Limits{
		Requests:      httpapi.Limit{Count: 300, Per: 10 * time.Second, Burst: 300},
		Logins:        httpapi.Limit{Count: 20, Per: time.Minute, Burst: 10},
		Registrations: httpapi.Limit{Count: 30, Per: time.Hour, Burst: 10},
		Failures:      user.Throttle{Failures: 5, Window: 15 * time.Minute, Delay: time.Second, MaxDelay: 5 * time.Minute},
		Connections:   1000,
	}, cfg.Limits)
}

func TestTheLimitsCanBeSetAndLifted(t *testing.T) {
	settings := map[string]string{
		"RATE_LIMIT_REQUESTS": "1000/1m", "RATE_LIMIT_LOGINS": "60/1h:5", "RATE_LIMIT_REGISTRATIONS": "1/24h",
		"LOGIN_FAILURES": "3/1h", "LOGIN_DELAY": "500ms", "LOGIN_DELAY_MAX": "1m",
		"MAX_CONNECTIONS_PER_CLIENT": "50",
	}
	cfg, err := loadConfig(t.Context(), environment(settings))
	require.NoError(t, err)
	require.Equal(t, Limits{
		Requests:      httpapi.Limit{Count: 1000, Per: time.Minute, Burst: 1000},
		Logins:        httpapi.Limit{Count: 60, Per: time.Hour, Burst: 5},
		Registrations: httpapi.Limit{Count: 1, Per: 24 * time.Hour, Burst: 1},
		Failures:      user.Throttle{Failures: 3, Window: time.Hour, Delay: 500 * time.Millisecond, MaxDelay: time.Minute},
		Connections:   50,
	}, cfg.Limits)
	settings["RATE_LIMIT"] = "off"
	cfg, err = loadConfig(t.Context(), environment(settings))
	require.NoError(t, err)
	require.Zero(t, cfg.Limits)
}

func TestModulesThatNameOneFileDifferentlyShareIt(t *testing.T) {
	absolute, err := filepath.Abs("data/app.db")
	require.NoError(t, err)
	for _, other := range []string{"./data/../data//app.db", absolute} {
		cfg, err := loadConfig(t.Context(), environment(map[string]string{
			"USER_DATABASE_URL": "sqlite:data/app.db", "ORDER_DATABASE_URL": "sqlite:" + other,
		}))
		require.NoError(t, err)
		require.Equal(t, "sqlite:data/app.db", cfg.DatabaseURLs["order"])
	}
}

func TestASettingThatIsEmptyCountsAsUnset(t *testing.T) {
	cfg, err := loadConfig(t.Context(), environment(map[string]string{"PORT": "", "TOKEN_TTL": " ", "JWT_SECRET": "", "MODULES": ","}))
	require.NoError(t, err)
	require.Equal(t, moduleNames(), cfg.Modules)
	require.Equal(t, "0.0.0.0:5000", cfg.Listen.Address)
}

func TestEachFaultIsOneSentenceThatNamesTheSetting(t *testing.T) {
	good := strings.Repeat("s", 32)
	for _, test := range []struct {
		settings map[string]string
		want     string
	}{
		{map[string]string{"HOST": "[::1]"}, `HOST is "[::1]" but must be written without brackets: ::1.`},
		{map[string]string{"HOST": "*"}, `HOST is "*" but must be an address: 0.0.0.0 or :: is all of this machine's.`},
		{map[string]string{"HOST": "0.0.0.0:5000"}, `HOST is "0.0.0.0:5000" but must be an address without a port, which PORT is for.`},
		{map[string]string{"HOST": "[::]:5000"}, `HOST is "[::]:5000" but must be an address without a port, which PORT is for.`},
		{map[string]string{"HOST": "[host]:"}, `HOST is "[host]:" but must be an address without a port, which PORT is for.`},
		{map[string]string{"HOST": "224.0.0.1"}, `HOST is "224.0.0.1" but must be an address of this machine, not that of a group.`},
		{map[string]string{"HOST": "ff02::1%lo"}, `HOST is "ff02::1%lo" but must be an address of this machine, not that of a group.`},
		{map[string]string{"HOST": "http://localhost"}, `HOST is "http://localhost" but must be an address or a name alone, like 127.0.0.1.`},
		{map[string]string{"HOST": "my host"}, `HOST is "my host" but must be an address or the name of a host, like 127.0.0.1 or localhost.`},
		{map[string]string{"PORT": "65536"}, `PORT is "65536" but must be a whole number from 0 to 65535.`},
		{map[string]string{"PORT": "-1"}, `PORT is "-1" but must be a whole number from 0 to 65535.`},
		{map[string]string{"MODULES": "users"}, `MODULES has "users" but knows only: ` + strings.Join(moduleNames(), ", ") + `.`},
		{map[string]string{"MODULES": "user,users"}, `MODULES has "users" but knows only: ` + strings.Join(moduleNames(), ", ") + `.`},
		{map[string]string{"TOKEN_TTL": "0"}, `TOKEN_TTL is "0" but must be a time from 1s to 8784h, like 90s, 15m or 1h.`},
		{map[string]string{"TOKEN_TTL": "2562047h47m16s"},
			`TOKEN_TTL is "2562047h47m16s" but must be a time from 1s to 8784h, like 90s, 15m or 1h.`},
		{map[string]string{"HASH_CONCURRENCY": "0"}, `HASH_CONCURRENCY is "0" but must be a whole number from 1 to 1024.`},
		{map[string]string{"LOG_LEVEL": "loud"}, `LOG_LEVEL is "loud" but must be one of: info, debug, warn, error.`},
		{map[string]string{"LOG_FORMAT": "xml"}, `LOG_FORMAT is "xml" but must be one of: text, json.`},
		{map[string]string{"RATE_LIMIT": "maybe"}, `RATE_LIMIT is "maybe" but must be one of: on, off.`},
		{map[string]string{"TRUSTED_PROXIES": "10.0.0.0/8, nginx"},
			`TRUSTED_PROXIES has "nginx" but takes networks like 10.0.0.0/8 or fd00::/8.`},
		{map[string]string{"TRUSTED_PROXIES": "10.0.0.0/33"},
			`TRUSTED_PROXIES has "10.0.0.0/33" but takes networks like 10.0.0.0/8 or fd00::/8.`},
		{map[string]string{"TRUSTED_PROXIES": "fe80::1%eth0"},
			`TRUSTED_PROXIES has "fe80::1%eth0" but takes networks like 10.0.0.0/8 or fd00::/8.`},
		{map[string]string{"CORS_ORIGINS": "https://good.example, *"},
			`CORS_ORIGINS has "*" but takes origins like https://shop.example.com, without a path or a *.`},
		{map[string]string{"CORS_ORIGINS": "https://shop.example/"},
			`CORS_ORIGINS has "https://shop.example/" but is never sent by a browser, which sends https://shop.example.`},
		{map[string]string{"CORS_ORIGINS": "shop.example"},
			`CORS_ORIGINS has "shop.example" but takes origins like https://shop.example.com, without a path or a *.`},
		{map[string]string{"CORS_ORIGINS": "https://*.example"},
			`CORS_ORIGINS has "https://*.example" but takes origins like https://shop.example.com, without a path or a *.`},
		{map[string]string{"CORS_ORIGINS": "https://shop.example:443"},
			`CORS_ORIGINS has "https://shop.example:443" but is never sent by a browser, which sends https://shop.example.`},
		{map[string]string{"OPS_ADDR": "5001"}, `OPS_ADDR is "5001" but must be off or HOST:PORT, like 127.0.0.1:5001.`},
		{map[string]string{"OPS_ADDR": "localhost:http"},
			`OPS_ADDR is "localhost:http" but must be off or HOST:PORT, like 127.0.0.1:5001.`},
		{map[string]string{"OPS_ADDR": ":65536"}, `OPS_ADDR is ":65536" but must be off or HOST:PORT, like 127.0.0.1:5001.`},
		{map[string]string{"OPS_ADDR": "*:5001"},
			`OPS_ADDR is "*:5001" but its host must be an address: 0.0.0.0 or :: is all of this machine's.`},
		{map[string]string{"OPS_ADDR": "my host:5001"},
			`OPS_ADDR is "my host:5001" but its host must be an address or the name of a host, like 127.0.0.1 or localhost.`},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"},
			`OTEL_EXPORTER_OTLP_ENDPOINT must be a URL like http://127.0.0.1:4318.`},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http:///v1/traces"},
			`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must be a URL like http://127.0.0.1:4318.`},
		{map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"},
			`OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", which is not spoken here: ` +
				`set it to http/protobuf, and the endpoint to the collector's port for HTTP, usually 4318.`},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"},
			`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is "grpc", which is not spoken here: ` +
				`set it to http/protobuf, and the endpoint to the collector's port for HTTP, usually 4318.`},
		{map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "avro", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
			`OTEL_EXPORTER_OTLP_PROTOCOL is "avro" but must be one of: http/protobuf, http/json.`},
		{map[string]string{"LOGIN_FAILURES": "5/15m:2"}, `LOGIN_FAILURES is "5/15m:2" but must be COUNT/TIME, like 5/15m.`},
		{map[string]string{"MAX_CONNECTIONS": "0"}, `MAX_CONNECTIONS is "0" but must be a whole number from 1 to 1000000.`},
		{map[string]string{"RATE_LIMIT_REQUESTS": "300"},
			`RATE_LIMIT_REQUESTS is "300" but must be COUNT/TIME or COUNT/TIME:BURST, like 300/10s or 20/1m:10.`},
		{map[string]string{"RATE_LIMIT_LOGINS": "0/1m"},
			`RATE_LIMIT_LOGINS is "0/1m" but must be COUNT/TIME or COUNT/TIME:BURST, like 300/10s or 20/1m:10.`},
		{map[string]string{"RATE_LIMIT_REGISTRATIONS": "1/1h:"},
			`RATE_LIMIT_REGISTRATIONS is "1/1h:" but must be COUNT/TIME or COUNT/TIME:BURST, like 300/10s or 20/1m:10.`},
		{map[string]string{"LOGIN_DELAY": "1h"}, `LOGIN_DELAY_MAX is 5m0s, which is less than LOGIN_DELAY.`},
		{map[string]string{"DATABASE_URL": "mysql://me:hunter2@host/db"}, `DATABASE_URL must be sqlite:PATH or postgres://….`},
		{map[string]string{"ORDER_DATABASE_URL": "orders.db"}, `ORDER_DATABASE_URL must be sqlite:PATH or postgres://….`},
		{map[string]string{"JWT_SECRET": "hunter2"}, `JWT_SECRET has 7 bytes and needs at least 32.`},
		{map[string]string{"JWT_SECRET": good, "JWT_SECRET_PREVIOUS": "hunter2"},
			`JWT_SECRET_PREVIOUS has 7 bytes and needs at least 32.`},
		{map[string]string{"DATABASE_URL": "postgres://me:hunter2@host/db"},
			`JWT_SECRET must be set with PostgreSQL, where every instance needs the same one: openssl rand -base64 32 makes one.`},
		{map[string]string{"ORDER_DATABASE_URL": "postgres://me:hunter2@host/db"},
			`JWT_SECRET must be set with PostgreSQL, where every instance needs the same one: openssl rand -base64 32 makes one.`},
		{map[string]string{"JWT_SECRET": good, "JWT_SECRET_FILE": "/etc/secret"},
			`JWT_SECRET and JWT_SECRET_FILE are both set: one of them is enough.`},
	} {
		_, err := loadConfig(t.Context(), environment(test.settings))
		require.ErrorIs(t, err, settings.ErrInvalid)
		require.Equal(t, "wrong settings:\n"+test.want, err.Error())
	}
}

func TestASecretMayStandInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	secret := strings.Repeat("s", 32)
	require.NoError(t, os.WriteFile(path, []byte(secret+"\n"), 0o600))
	cfg, err := loadConfig(t.Context(), environment(map[string]string{"JWT_SECRET_FILE": path}))
	require.NoError(t, err)
	require.Equal(t, secret, string(cfg.Secret), "the newline belongs to it")

	url := "postgres://me:hunter2@host/db"
	require.NoError(t, os.WriteFile(path, []byte(url+"\n"), 0o600))
	cfg, err = loadConfig(t.Context(), environment(map[string]string{"DATABASE_URL_FILE": path, "JWT_SECRET": secret}))
	require.NoError(t, err)
	require.Equal(t, url, cfg.DatabaseURLs["user"])

	for name, content := range map[string]string{"empty": "\n", "short": "short"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err = loadConfig(t.Context(), environment(map[string]string{"JWT_SECRET_FILE": path}))
		require.ErrorIs(t, err, settings.ErrInvalid, name)
	}
	_, err = loadConfig(t.Context(), environment(map[string]string{"JWT_SECRET_FILE": path + ".missing"}))
	require.ErrorContains(t, err, "JWT_SECRET_FILE names a file that cannot be read: ")
}

func TestAModuleThatIsNotServedHasNoDatabase(t *testing.T) {
	cfg, err := loadConfig(t.Context(), environment(map[string]string{"MODULES": "order", "USER_DATABASE_URL": "postgres://host/db"}))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"order": "sqlite:data/app.db"}, cfg.DatabaseURLs)
}

func TestAProtocolForTracesIsNoFaultWhileThereAreNone(t *testing.T) {
	for _, env := range []map[string]string{
		{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_TRACES_EXPORTER": "none"},
	} {
		cfg, err := loadConfig(t.Context(), environment(env))
		require.NoError(t, err)
		require.False(t, cfg.Traces)
	}
}

func TestAfterAMoveFromSQLiteTheOldSecretIsSuggested(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("data", 0o700))
	require.NoError(t, os.WriteFile(filepath.Join("data", "jwt_secret"), []byte(strings.Repeat("s", 32)), 0o600))
	_, err := loadConfig(t.Context(), environment(map[string]string{"DATABASE_URL": "postgres://host/db"}))
	require.EqualError(t, err, "wrong settings:\nJWT_SECRET must be set with PostgreSQL, where every instance needs the same one: "+
		"JWT_SECRET_FILE="+filepath.Join("data", "jwt_secret")+" keeps everybody logged in.")
}
