package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func checkOf(name string, run func(ctx context.Context) []Finding) Check { return Check{name, run} }

func TestACheckThatPanicsOrHangsIsAFaultAndTheNextOnesRun(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	var zero []int
	checks := []Check{
		checkOf("index", func(context.Context) []Finding { return []Finding{Well("%d", zero[3])} }),
		checkOf("panic", func(context.Context) []Finding { panic(errors.New("hunter2")) }),
		checkOf("hang", func(context.Context) []Finding { <-release; return nil }),
		checkOf("slow", func(ctx context.Context) []Finding { <-ctx.Done(); return []Finding{Warn("wait", "it was slow")} }),
		checkOf("none", func(context.Context) []Finding { return nil }),
		checkOf("several", func(context.Context) []Finding { return []Finding{Well("one"), Well("two")} }),
	}
	var text bytes.Buffer
	report := NewReport(&text, checks, false)
	began := time.Now()
	require.NoError(t, Run(t.Context(), 20*time.Millisecond, checks, report.Add))
	require.Less(t, time.Since(began), 5*time.Second)
	require.NoError(t, report.WriteSummary())
	require.Equal(t, Fault, report.Worst())
	require.Equal(t, `fault    index    the check broke off: runtime error: index out of range [3] with length 0 → report it as a bug of this program, with this line
fault    panic    the check broke off: panic with a *errors.errorString → report it as a bug of this program, with this line
fault    hang     the check has not ended after 1.02s → find out what this machine or the network waits for, and run it again
warning  slow     it was slow → wait
ok       several  one
ok       several  two

2 ok, 1 warning, 3 faults
`, text.String())
}

func TestAReportIsTheSameInJSONAndHasNoControlCharacters(t *testing.T) {
	t.Parallel()
	checks := []Check{checkOf("mail", func(context.Context) []Finding {
		return []Finding{Well("a <b>"), Warn("do\nthis", "it said \x1b[2J and\r\nmore")}
	})}
	var text, coloured bytes.Buffer
	report := NewReport(nil, checks, false)
	require.NoError(t, Run(t.Context(), time.Second, checks, report.Add))
	require.NoError(t, report.WriteJSON(&text))
	require.Equal(t, Warning, report.Worst())
	require.JSONEq(t, `{
  "checks": [
    {
      "check": "mail",
      "state": "ok",
      "found": "a <b>",
      "remedy": ""
    },
    {
      "check": "mail",
      "state": "warning",
      "found": "it said \\x1b[2J and more",
      "remedy": "do this"
    }
  ],
  "summary": {
    "state": "warning",
    "ok": 1,
    "warnings": 1,
    "faults": 0
  }
}
`, text.String())
	require.True(t, json.Valid(text.Bytes()))
	shown := NewReport(&coloured, checks, true)
	require.NoError(t, Run(t.Context(), time.Second, checks, shown.Add))
	require.Equal(t, "\x1b[32mok     \x1b[0m  mail  a <b>\n\x1b[33mwarning\x1b[0m  mail  it said \\x1b[2J and more → do this\n", coloured.String())
}

func TestNothingMoreIsReportedAfterTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	checks := []Check{
		checkOf("first", func(context.Context) []Finding { stop(); return []Finding{Well("done")} }),
		checkOf("second", func(context.Context) []Finding { return []Finding{Well("done")} }),
	}
	report := NewReport(nil, checks, false)
	require.ErrorIs(t, Run(ctx, time.Second, checks, report.Add), context.Canceled)
	require.Empty(t, report.all)
	require.Equal(t, OK, report.Worst())
}
