package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheSettingsOfMailsBelongTogether(t *testing.T) {
	t.Parallel()
	whole := map[string]string{
		"SMTP_URL": "smtp://me:hunter2@mail.example.com", "MAIL_FROM": "Shop <shop@example.com>",
		"RESET_URL": "https://shop.example.com/reset?token={token}",
	}
	cfg, err := loadConfig(t.Context(), environment(whole))
	require.NoError(t, err)
	require.True(t, cfg.Mail.On)
	require.Equal(t, "shop@example.com", cfg.Mail.From.Address)
	text, err := said(t, whole, "config")
	require.NoError(t, err)
	require.NotContains(t, text, "hunter2")
	require.Contains(t, text, "smtp://me:***@mail.example.com:587")

	without, err := loadConfig(t.Context(), environment(map[string]string{"MAIL_FROM": "shop@example.com"}))
	require.NoError(t, err)
	require.False(t, without.Mail.On)
	for _, test := range []struct{ name, value, want string }{
		{"MAIL_FROM", "", "MAIL_FROM must be set with SMTP_URL."},
		{"RESET_URL", "", "RESET_URL must be set with SMTP_URL."},
		{"MAIL_FROM", "Shop", `MAIL_FROM is "Shop" but `},
		{"RESET_URL", "https://shop.example.com/reset", "RESET_URL is"},
		{"RESET_URL", "shop.example.com/{token}", "RESET_URL is"},
		{"RESET_URL", "javascript:alert('{token}')", "RESET_URL is"},
		{"SMTP_URL", "http://me:hunter2@mail.example.com", "SMTP_URL "},
		{"SMTP_URL", "smtp://me:hunt/er2@mail.example.com", "SMTP_URL "},
	} {
		env := map[string]string{}
		for name, value := range whole {
			env[name] = value
		}
		env[test.name] = test.value
		_, err := loadConfig(t.Context(), environment(env))
		require.ErrorContains(t, err, test.want, test.value)
		require.NotContains(t, err.Error(), "hunt")
	}
}
