package mail

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACheckLogsInAndSendsNothing(t *testing.T) {
	server, pool := secured(t, "")
	cfg, log := configOf(t, "smtp://shop:hunter2@"+host, server.address)
	cfg.roots = pool
	require.NoError(t, cfg.Check(t.Context()))
	require.Empty(t, server.all())
	require.NotContains(t, server.wire.String(), "MAIL FROM")
	require.Empty(t, log.String())
}

func TestACheckSaysWhyMailsWouldNotBeSent(t *testing.T) {
	withTLS, pool := secured(t, "")
	withoutTLS := serve(t, nil)
	silent, _ := script(t, "", nil)
	hostile, _ := script(t, "554 hunter2 is not welcome\r\n", nil)
	for name, test := range map[string]struct{ url, address, want string }{
		"down":           {"smtp://" + host, "127.0.0.1:1", "refused"},
		"no STARTTLS":    {"smtp://" + host, withoutTLS.address, "the server does not offer STARTTLS"},
		"wrong password": {"smtp://shop:hunter3@" + host, withTLS.address, "the server refused with status 535"},
		"silent":         {"smtp://" + host, silent, "the server does not answer in time"},
		"refuses":        {"smtp://" + host, hostile, "the server refused with status 554"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, _ := configOf(t, test.url, test.address)
			cfg.roots = pool
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := cfg.Check(ctx)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hunter")
		})
	}
}
