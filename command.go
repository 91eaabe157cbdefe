package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"slices"
	"strings"
	"text/tabwriter"

	"userorder/settings"
	"userorder/telemetry"
	"userorder/webhook"
)

type command struct {
	name, operands, about string
	takes                 int // the number of operands, or -1 if run checks them
	run                   func(ctx context.Context, in invocation) error
}

// invocation is one call of a command.
type invocation struct {
	operands []string
	environ  []string
	stdout   io.Writer
}

// commands returns all commands. It is a function because help, one of them, lists them.
func commands() []command {
	return []command{
		{"serve", "", "serve until SIGTERM or SIGINT; the default", 0, func(ctx context.Context, in invocation) error {
			cfg, err := loadConfig(ctx, in.environ)
			switch {
			case ctx.Err() != nil:
				return nil //nolint:nilerr // stopped while starting
			case err != nil:
				return err
			}
			return serve(ctx, cfg, in.stdout)
		}},
		{"migrate", "", "bring the tables up to date, if AUTO_MIGRATE is false", 0, configured(migrate)},
		{"migrate-data", "--from URL --to URL", "copy everything from one database to another, such as from SQLite to PostgreSQL", -1, configured(migrateData)},
		{"backup", "FILE", "copy the SQLite database to FILE while the service runs", 1, configured(backup)},
		{"restore", "FILE", "put a copy of the backup FILE in the place of the SQLite database of a stopped service", 1, configured(restore)},
		{"grant", "[--customer] NAME", "make the account NAME staff, or a customer again, while the service runs", -1, configured(grant)},
		{"passwd", "NAME", "set the password of the account NAME, while the service runs", 1, configured(passwd)},
		{"webhook-secret", "", "print a new secret to sign webhooks with, for WEBHOOK_SECRET and for the receivers", 0, webhookSecret},
		{"doctor", "[--json]", "look for what is wrong, beside the service, and say how to cure it", -1, runDoctor},
		{"healthcheck", "", "ask the service on this machine whether it is alive", 0, configured(healthcheck)},
		{"config", "", "show the settings in effect and where each comes from", 0, showConfig},
		{"version", "", "show what this program was built from", 0, func(_ context.Context, in invocation) error {
			_, err := fmt.Fprintln(in.stdout, telemetry.ReadBuild())
			return err
		}},
		{"man", "", "print the manual page, for man -l -", 0, manual},
		{"completion", shells, "print what completes commands in a shell", 1, complete},
		{"help", "", "show this, and all settings", 0, help},
	}
}

// configured returns a command that works with the settings, which need no secret.
func configured(work func(ctx context.Context, cfg Config, in invocation) error) func(context.Context, invocation) error {
	return func(ctx context.Context, in invocation) error {
		s := settings.NewReader(ctx, in.environ)
		cfg := readConfig(s)
		if err := s.Err(); err != nil {
			return err
		}
		return work(ctx, cfg, in)
	}
}

// exitStatus is the error of a command that has said everything itself.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// errUsage is wrapped by errors about the command line.
var errUsage = errors.New("usage: userorder [command]")

// usage returns an error about the command line that says what is wrong with it.
func usage(format string, args ...any) error {
	return fmt.Errorf("userorder: %s\n\n%w\n\n%s\nSettings come from the environment: userorder help lists them",
		fmt.Sprintf(format, args...), errUsage, commandTable())
}

// run runs the command that args name, serve by default. Its error wraps settings.ErrInvalid if the settings are
// wrong, and errUsage if args are.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	has := func(flags ...string) bool {
		return slices.ContainsFunc(args, func(arg string) bool { return slices.Contains(flags, arg) })
	}
	switch {
	case len(args) == 0:
		args = []string{"serve"}
	case has("-h", "-help", "--help"):
		args = []string{"help"}
	case len(args) == 1 && has("-v", "-version", "--version"):
		args = []string{"version"}
	}
	for _, c := range commands() {
		switch {
		case c.name != args[0]:
		case c.takes >= 0 && c.takes != len(args)-1:
			return usage("%s takes %s", c.name, cmp.Or(c.operands, "no operands"))
		default:
			return c.run(ctx, invocation{args[1:], environ, stdout})
		}
	}
	return usage("there is no command %q", args[0])
}

// What help and the manual say besides their tables.
const (
	aboutSettings = `Settings come from the environment. JWT_SECRET, JWT_SECRET_PREVIOUS, SMTP_URL, the database URLs and the settings of
webhooks may be kept in a file instead, whose path is in JWT_SECRET_FILE and so on. OpenTelemetry's other settings apply
as well.`
	aboutStatus = `The exit status is 0 for success, 2 for an invalid setting or command, 1 for any other failure. That of doctor is 0 if all
is well, 1 after a warning, 2 after a fault.`
)

// help prints the commands and all settings.
func help(ctx context.Context, in invocation) error {
	defaults := settings.NewReader(ctx, nil)
	readConfig(defaults)
	rows := [][]string{{"NAME", "DEFAULT", "MEANING"}}
	for _, s := range defaults.Read() {
		rows = append(rows, []string{s.Name, cmp.Or(s.Value, "-"), s.Meaning})
	}
	_, err := fmt.Fprintf(in.stdout, `Userorder serves accounts and orders over HTTP.

%s

%s
%s

%s
%s
`, errUsage, commandTable(), aboutSettings, table(rows), aboutStatus)
	return err
}

// showConfig prints every setting as a process that serves would read it, and returns the faults.
func showConfig(ctx context.Context, in invocation) error {
	s := settings.NewReader(ctx, in.environ)
	cfg := readConfig(s)
	cfg.require(s)
	rows := [][]string{{"NAME", "VALUE", "SOURCE"}}
	for _, read := range s.Read() {
		rows = append(rows, []string{read.Name, cmp.Or(read.Value, "-"), read.Source})
	}
	if _, err := io.WriteString(in.stdout, table(rows)); err != nil {
		return err
	}
	return s.Err()
}

// webhookSecret prints a new secret. It reads no settings: those of webhooks are invalid without one.
func webhookSecret(_ context.Context, in invocation) error {
	_, err := fmt.Fprintln(in.stdout, webhook.NewSecret())
	return err
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
