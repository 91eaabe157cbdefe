package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/settings"
	"userorder/webhook"
)

func TestTheSettingsOfWebhooksBelongTogether(t *testing.T) {
	t.Parallel()
	const urls = "https://u:hunter2@a.example/hook?hunter2=1, http://10.0.0.7:8080/"
	secret := webhook.NewSecret()
	cfg, err := loadConfig(t.Context(), environment(map[string]string{
		"WEBHOOK_URLS": urls, "WEBHOOK_SECRET": secret, "WEBHOOK_SECRET_PREVIOUS": webhook.NewSecret(),
	}))
	require.NoError(t, err)
	require.Len(t, cfg.Webhooks.Endpoints, 2)
	require.Equal(t, "https://***@a.example/hook?***", cfg.Webhooks.Endpoints[0].String())
	require.Len(t, cfg.Webhooks.Secrets, 2)
	current, err := webhook.ParseSecret(secret)
	require.NoError(t, err)
	require.Equal(t, current, cfg.Webhooks.Secrets[0])

	for _, off := range []map[string]string{nil, {"WEBHOOK_URLS": " , "}, {"WEBHOOK_SECRET": secret}} {
		cfg, err := loadConfig(t.Context(), environment(off))
		require.NoError(t, err)
		require.Empty(t, cfg.Webhooks.Endpoints)
	}

	const advice = ": userorder webhook-secret makes one."
	for _, test := range []struct{ urls, secret, previous, want string }{
		{urls, "", "", "WEBHOOK_SECRET must be set with WEBHOOK_URLS" + advice},
		{urls, "", secret, "WEBHOOK_SECRET must be set with WEBHOOK_SECRET_PREVIOUS" + advice},
		{"", "", secret, "WEBHOOK_SECRET must be set with WEBHOOK_SECRET_PREVIOUS" + advice},
		{urls, "hunter2", "", "WEBHOOK_SECRET must be whsec_ and the base64 of at least 24 bytes" + advice},
		{urls, secret, "hunter2", "WEBHOOK_SECRET_PREVIOUS must be whsec_ and the base64 of at least 24 bytes" + advice},
		{"http://9.9.9.9/hunter2", secret, "", "WEBHOOK_URLS must begin with https://: its address is neither loopback nor private."},
		{"hunter2", secret, "", "WEBHOOK_URLS must begin with https://, or with http:// for a loopback or private address."},
		{"https://h/#hunter2", secret, "", "WEBHOOK_URLS must have no fragment; # in a password is written %23."},
		{
			"hunter2", "", "", "WEBHOOK_URLS must begin with https://, or with http:// for a loopback or private address.\n" +
				"WEBHOOK_SECRET must be set with WEBHOOK_URLS" + advice,
		},
		{"https://h, https://h?hunter2, https://H", secret, "", "WEBHOOK_URLS must not have a URL twice (number 3 of 3)."},
	} {
		env := map[string]string{"WEBHOOK_URLS": test.urls, "WEBHOOK_SECRET": test.secret, "WEBHOOK_SECRET_PREVIOUS": test.previous}
		_, err := loadConfig(t.Context(), environment(env))
		require.ErrorIs(t, err, settings.ErrInvalid)
		require.EqualError(t, err, "wrong settings:\n"+test.want)
		text, err := said(t, env, "config")
		require.EqualError(t, err, "wrong settings:\n"+test.want)
		require.NotContains(t, text, "hunter2")
	}
}

func TestTheSettingsOfWebhooksMayStandInFilesAndAreShownMasked(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	env := map[string]string{}
	for name, text := range map[string]string{
		"WEBHOOK_URLS":            "https://u:hunter2@a.example/hook,\nhttps://b.example/?hunter2\n",
		"WEBHOOK_SECRET":          webhook.NewSecret() + "\n",
		"WEBHOOK_SECRET_PREVIOUS": webhook.NewSecret() + "\r\n",
	} {
		path := filepath.Join(folder, strings.ToLower(name))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		env[name+"_FILE"] = path
	}
	cfg, err := loadConfig(t.Context(), environment(env))
	require.NoError(t, err)
	require.Len(t, cfg.Webhooks.Endpoints, 2)
	require.Len(t, cfg.Webhooks.Secrets, 2)
	text, err := said(t, env, "config")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^WEBHOOK_URLS +https://\*\*\*@a\.example/hook,https://b\.example/\?\*\*\* +file `+folder+`/webhook_urls$`, text)
	require.Regexp(t, `(?m)^WEBHOOK_SECRET +\*\*\* +file `+folder+`/webhook_secret$`, text)
	require.Regexp(t, `(?m)^WEBHOOK_SECRET_PREVIOUS +\*\*\* +file `+folder+`/webhook_secret_previous$`, text)
	require.NotContains(t, text, "hunter2")
	require.NotContains(t, text, "whsec_")
}

func TestTheCommandForASecretMakesAnotherOneEachTime(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{"PORT": "http", "WEBHOOK_URLS": "https://shop.example"}
	seen := map[string]bool{}
	for range 10 {
		text, err := said(t, wrong, "webhook-secret")
		require.NoError(t, err, "it needs no settings")
		secret, ok := strings.CutSuffix(text, "\n")
		require.True(t, ok)
		_, err = loadConfig(t.Context(), environment(map[string]string{"WEBHOOK_URLS": "https://shop.example", "WEBHOOK_SECRET": secret}))
		require.NoError(t, err)
		require.False(t, seen[text])
		seen[text] = true
	}
}
