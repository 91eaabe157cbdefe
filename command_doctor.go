package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"userorder/database"
	"userorder/doctor"
	"userorder/settings"
	"userorder/telemetry"
)

// checkTime bounds each check of the doctor.
const checkTime = 10 * time.Second

// exitStatus is the error of a command that has said everything itself.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// examine runs the checks of the doctor beside a service that may run. Its error is the exit status.
func examine(ctx context.Context, in invocation) error {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	asJSON := flags.Bool("json", false, "")
	if flags.Parse(in.operands) != nil || flags.NArg() > 0 {
		return usage("doctor takes [--json]")
	}
	s := settings.NewReader(ctx, in.environ)
	cfg := readConfig(s)
	cfg.requireSecret(s)
	cfg.requireBackups(s)
	cfg.Misspelled, cfg.SecretFiles = s.Misspelled(), secretFiles(s)
	checks := doctorChecks(cfg, s.Err())
	lines := in.stdout
	if *asJSON {
		lines = nil
	}
	report := doctor.NewReport(lines, checks, telemetry.IsTerminal(in.stdout) && !cfg.NoColor)
	if err := doctor.Run(ctx, checkTime, checks, report.Add); err != nil {
		return err
	}
	write := report.WriteSummary
	if *asJSON {
		write = func() error { return report.WriteJSON(in.stdout) }
	}
	if err := write(); err != nil {
		return err
	}
	if worst := report.Worst(); worst != doctor.OK {
		return exitStatus(worst)
	}
	return nil
}

// A check finds out one thing about an installation with valid settings, and changes nothing.
type check = func(ctx context.Context, cfg Config) []doctor.Finding

// doctorChecks returns the checks in the order in which they are run. If the settings are invalid, nothing but them and the
// program can be checked.
func doctorChecks(cfg Config, invalid error) []doctor.Check {
	var checks []doctor.Check
	add := func(name string, look check) {
		checks = append(checks, doctor.Check{Name: name, Look: func(ctx context.Context) []doctor.Finding { return look(ctx, cfg) }})
	}
	add("settings", checkSettings(invalid))
	add("program", checkProgram)
	if invalid != nil {
		return checks
	}
	add("secret", checkSecret)
	urls := cfg.databaseURLs()
	for _, url := range urls {
		suffix := ""
		if len(urls) > 1 {
			suffix = " " + cfg.labelOf(url)
		}
		d := &examined{url: url}
		for _, c := range d.checks() {
			add(c.name+suffix, c.look)
		}
	}
	add("sessions", checkSessions)
	add("webhooks", checkWebhooks)
	add("mail", checkMail)
	add("proxy", checkProxy)
	return checks
}

// openExamined calls look with the database at url, which is open meanwhile.
func openExamined(ctx context.Context, url string, look func(db *database.DB) []doctor.Finding) (found []doctor.Finding, err error) {
	db, err := database.Open(ctx, url, database.Options{ReadOnly: true, PoolSize: 2})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return look(db), nil
}

// failed returns the fault that something could not be found out.
func failed(err error) []doctor.Finding {
	fault, remedy := database.Explain(err)
	if remedy == "" {
		remedy = "look into the log of the service, and run it again"
	}
	return []doctor.Finding{doctor.Fail(remedy, "%s", fault)}
}
