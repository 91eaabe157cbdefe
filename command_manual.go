package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"userorder/settings"
)

// ofTheMachine holds the defaults that depend on the machine. A manual is read on another one than the one that made it.
var ofTheMachine = map[string]string{
	"DATABASE_POOL_SIZE": "4 times the cores, at least 8",
	"HASH_CONCURRENCY":   "the cores but one, at least 1",
}

// manual prints the manual page, in the language mdoc(7). Its date is that of SOURCE_DATE_EPOCH, if it is set
// (https://reproducible-builds.org/specs/source-date-epoch), else today.
func manual(ctx context.Context, in invocation) error {
	date := time.Now()
	if seconds, err := strconv.ParseInt(settings.NewReader(ctx, in.environ).Lookup("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		date = time.Unix(seconds, 0)
	}
	var page strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&page, format+"\n", args...) }
	line(".Dd %s\n.Dt USERORDER 1\n.Os", date.UTC().Format("January 2, 2006"))
	line(".Sh NAME\n.Nm userorder\n.Nd accounts and orders over HTTP")
	line(".Sh SYNOPSIS\n.Nm userorder\n.Op Ar command")
	line(".Sh DESCRIPTION\nThe commands are:\n.Bl -tag -width Ds")
	for _, c := range commands() {
		line(".It Ic \"%s\"\n%s.", roff(strings.TrimSpace(c.name+" "+c.operands)), roff(c.about))
	}
	line(".El\n.Sh ENVIRONMENT\n%s\n.Bl -tag -width Ds", roff(aboutSettings))
	defaults := settings.NewReader(ctx, nil)
	readConfig(defaults)
	for _, s := range defaults.Read() {
		line(".It Ev %s\n%s.", s.Name, roff(s.Meaning))
		value := s.Value
		if s.Source != "default" { // another setting
			value = "that of " + s.Source
		}
		if value = cmp.Or(ofTheMachine[s.Name], value); value != "" {
			line("The default is %s.", roff(value))
		}
	}
	line(".El\n.Sh EXIT STATUS\n%s", roff(aboutStatus))
	_, err := io.WriteString(in.stdout, page.String())
	return err
}

var sentence = regexp.MustCompile(`\. ([A-Z])`)

// roff escapes text, and begins a line with each of its sentences.
func roff(text string) string {
	text = sentence.ReplaceAllString(text, ".\n$1")
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, `"`, `\(dq`, "\n.", "\n\\&.", "\n'", "\n\\&'").Replace(text)
}
