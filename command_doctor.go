package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"io/fs"
	"strings"
	"time"

	"userorder/database"
	"userorder/doctor"
	"userorder/settings"
	"userorder/telemetry"
)

// checkTime bounds each check of the doctor.
const checkTime = 10 * time.Second

// runDoctor runs the checks of the doctor beside a service that may run. Its error is the exit status.
func runDoctor(ctx context.Context, in invocation) error {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	asJSON := flags.Bool("json", false, "")
	if flags.Parse(in.operands) != nil || flags.NArg() > 0 {
		return usage("doctor takes [--json]")
	}
	s := settings.NewReader(ctx, in.environ)
	cfg := readConfig(s)
	cfg.require(s)
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
	add := func(name string, run check) {
		checks = append(checks, doctor.Check{Name: name, Run: func(ctx context.Context) []doctor.Finding { return run(ctx, cfg) }})
	}
	add("settings", checkSettings(invalid))
	add("program", checkProgram)
	if invalid != nil {
		return checks
	}
	add("secret", checkSecret)
	add("certificate", checkCertificate)
	urls := cfg.databaseURLs()
	for _, url := range urls {
		suffix := ""
		if len(urls) > 1 {
			suffix = " " + cfg.labelOf(url)
		}
		d := &checkedDatabase{url: url}
		for _, c := range d.checks() {
			add(c.name+suffix, c.run)
		}
	}
	add("sessions", checkSessions)
	add("webhooks", checkWebhooks)
	add("mail", checkMail)
	add("proxy", checkProxy)
	return checks
}

// openReadOnly calls use with the database at url, which is open meanwhile.
func openReadOnly(ctx context.Context, url string, use func(db *database.DB) []doctor.Finding) (found []doctor.Finding, err error) {
	db, err := database.Open(ctx, url, database.Options{ReadOnly: true, PoolSize: 2})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return use(db), nil
}

// failed returns the fault that something could not be found out.
func failed(err error) []doctor.Finding {
	return []doctor.Finding{fault(err, "look into the log of the service, and run it again")}
}

// fault returns an error as a fault, with a remedy if neither the error nor its cause has one.
func fault(err error, remedy string) doctor.Finding {
	found, own := database.Explain(err)
	switch {
	case own != "":
		remedy = own
	case errors.Is(err, fs.ErrPermission):
		remedy = "run it as the user of the service"
	}
	return doctor.Fail(remedy, "%s", strings.ReplaceAll(found, "\n", "; ")) // of joined errors
}
