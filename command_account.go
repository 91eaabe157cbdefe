package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"userorder/auth"
	"userorder/database"
	"userorder/httpapi"
	"userorder/user"
)

// grant makes an account staff, or a customer again, while the service may run.
func grant(ctx context.Context, cfg Config, in invocation) error {
	flags := flag.NewFlagSet("grant", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	customer := flags.Bool("customer", false, "")
	if flags.Parse(in.operands) != nil || flags.NArg() != 1 {
		return usage("grant takes [--customer] NAME")
	}
	role := auth.Staff
	if *customer {
		role = auth.Customer
	}
	name := flags.Arg(0)
	err := withAccounts(ctx, cfg, func(db *database.DB) error { return user.Grant(ctx, db, name, role) })
	if err != nil {
		return fmt.Errorf("grant %s: %w", name, err)
	}
	_, err = fmt.Fprintf(in.stdout, "%s is %s now.\n", name, role)
	return err
}

// passwd sets the password of an account, while the service may run.
func passwd(ctx context.Context, cfg Config, in invocation) error {
	name := in.operands[0]
	plain, err := readPassword(os.Stdin, os.Stderr)
	if err != nil {
		return fmt.Errorf("passwd %s: %w", name, err)
	}
	err = withAccounts(ctx, cfg, func(db *database.DB) error { return user.SetPassword(ctx, db, name, plain) })
	if text, ok := errors.AsType[httpapi.Text](err); ok {
		return fmt.Errorf("passwd %s: the password %w", name, text)
	}
	if err != nil {
		return fmt.Errorf("passwd %s: %w", name, err)
	}
	_, err = fmt.Fprintf(in.stdout, "%s has a new password, and all sessions have ended.\n", name)
	return err
}

// withAccounts opens the accounts' database beside a service that may run, and requires that its tables are up to date.
func withAccounts(ctx context.Context, cfg Config, work func(*database.DB) error) (err error) {
	options := cfg.Database
	options.Beside = true
	db, err := database.Open(ctx, cfg.AccountsURL, options)
	if err != nil {
		return fmt.Errorf("%s: %w", cfg.accountsSetting(), err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := user.Migrate(ctx, db); err != nil { // which only checks
		return err
	}
	return work(db)
}

// readPassword reads a password twice from a terminal, which does not show it, or a line from anything else.
func readPassword(input *os.File, prompts io.Writer) (string, error) {
	if !term.IsTerminal(int(input.Fd())) {
		line, err := bufio.NewReader(input).ReadString('\n')
		if err != nil && (!errors.Is(err, io.EOF) || line == "") {
			return "", fmt.Errorf("no password on standard input: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var typed [2]string
	for i, prompt := range []string{"New password: ", "The same again: "} {
		_, _ = io.WriteString(prompts, prompt)
		text, err := term.ReadPassword(int(input.Fd()))
		_, _ = io.WriteString(prompts, "\n")
		if err != nil {
			return "", err
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ")
	}
	return typed[0], nil
}
