package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// meanings is what help says of each setting. Their names, order and defaults are those of config.go.
var meanings = map[string]string{ //nolint:gosec // the password is an example
	"HOST":                        "the address to listen on",
	"PORT":                        "the port to listen on; 0 is any",
	"OPS_ADDR":                    "where metrics and profiles are, without a password, like 127.0.0.1:5001",
	"MODULES":                     "which modules this process serves",
	"TOKEN_TTL":                   "life of a token",
	"HASH_CONCURRENCY":            "how many passwords are hashed at once; each takes 19 MiB and a core",
	"TRUSTED_PROXIES":             "networks whose X-Forwarded-For counts, like 10.0.0.0/8",
	"CORS_ORIGINS":                "origins whose pages may use the service, like https://shop.example.com",
	"MAX_CONNECTIONS":             "how many connections are open at once; more wait",
	"DRAIN_DELAY":                 "how long it goes on serving after SIGTERM, with /readyz saying no",
	"LOG_FORMAT":                  "text, which has colours on a terminal, or json",
	"LOG_LEVEL":                   "debug, info, warn or error",
	"NO_COLOR":                    "anything: no colours on a terminal",
	"RATE_LIMIT":                  "off lifts all limits below",
	"RATE_LIMIT_REQUESTS":         "requests of one client address, COUNT/TIME or COUNT/TIME:BURST",
	"RATE_LIMIT_LOGINS":           "logins of one client address",
	"RATE_LIMIT_REGISTRATIONS":    "registrations of one client address",
	"LOGIN_FAILURES":              "wrong passwords for one account before it is slowed down",
	"LOGIN_DELAY":                 "how long such an account waits at first; twice as long each time",
	"LOGIN_DELAY_MAX":             "how long it waits at most",
	"DATABASE_POOL_SIZE":          "connections to PostgreSQL of each process",
	"DATABASE_POOL_LIFETIME":      "for how long one of them is used",
	"AUTO_MIGRATE":                "false: the start changes no tables, userorder migrate does",
	"DATABASE_URL":                "sqlite:PATH, or postgres://USER:PASSWORD@HOST:5432/DATABASE",
	"USER_DATABASE_URL":           "a database of its own for accounts, instead of DATABASE_URL",
	"ORDER_DATABASE_URL":          "a database of its own for orders, instead of DATABASE_URL",
	"JWT_SECRET":                  "signs tokens; made beside the SQLite file, a must with PostgreSQL",
	"JWT_SECRET_PREVIOUS":         "a secret that is still good but signs no more",
	"OTEL_EXPORTER_OTLP_ENDPOINT": "a collector of traces, like http://127.0.0.1:4318",

	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "the same with its path, like http://127.0.0.1:4318/v1/traces",
	"OTEL_EXPORTER_OTLP_PROTOCOL":        "http/protobuf or http/json",
	"OTEL_TRACES_EXPORTER":               "none: no traces",
	"OTEL_SDK_DISABLED":                  "true: no traces",
}

// help says what there is to say.
func help(_ context.Context, in invocation) error {
	defaults := &settings{getenv: func(string) string { return "" }}
	readConfig(defaults)
	var rows [][]string
	for _, s := range defaults.read {
		rows = append(rows, []string{s.name, cmp.Or(s.value, "-"), meanings[s.name]})
	}
	_, err := fmt.Fprintf(in.stdout, `Userorder serves accounts and orders over HTTP.

%s

%s
Settings come from the environment. JWT_SECRET, JWT_SECRET_PREVIOUS and the database URLs may stand in a file
instead, whose path is in JWT_SECRET_FILE and so on. Of OpenTelemetry's settings those that are not listed count, too.

%s
The status is 0 for a success, 2 for a wrong setting or command, 1 for any other failure.
`, errUsage, commandTable(), table(append([][]string{{"NAME", "DEFAULT", "MEANING"}}, rows...)))
	return err
}

// showConfig shows every setting as a process that serves would have it, and the faults of them as its error.
func showConfig(_ context.Context, in invocation) error {
	s := &settings{getenv: in.getenv}
	readServing(s)
	rows := [][]string{{"NAME", "VALUE", "SOURCE"}}
	for _, read := range s.read {
		rows = append(rows, []string{read.name, cmp.Or(read.value, "-"), read.source})
	}
	if _, err := io.WriteString(in.stdout, table(rows)); err != nil {
		return err
	}
	return s.err()
}

// commandTable lists the commands.
func commandTable() string {
	var rows [][]string
	for _, c := range commands() {
		rows = append(rows, []string{"  " + strings.TrimSpace(c.name+" "+c.operands), c.about})
	}
	return table(rows)
}

// table aligns the columns of rows.
func table(rows [][]string) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush()
	return text.String()
}
