package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database/databasetest"
)

// tokensOf returns what a start with settings would issue tokens with, and what it logs about it.
func tokensOf(t *testing.T, settings map[string]string) (*auth.Tokens, string) {
	t.Helper()
	cfg, err := loadConfig(t.Context(), environment(settings))
	require.NoError(t, err)
	var log bytes.Buffer
	tokens, _, err := newTokens(cfg, accounts{}, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	return tokens, log.String()
}

func TestASecretHasTheSameBytesWhereverItComesFrom(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	plain, _ := tokensOf(t, map[string]string{"DATABASE_URL": databasetest.SQLite(t), "JWT_SECRET": secret})
	token, err := plain.Issue(auth.Caller{UserID: 7})
	require.NoError(t, err)
	for _, text := range []string{
		secret, secret + "\n", secret + "\r\n", "\ufeff" + secret, "\ufeff" + secret + "\r\n", " \t" + secret + "\u3000\n\n",
	} {
		url := databasetest.SQLite(t)
		made := filepath.Join(filepath.Dir(strings.TrimPrefix(url, "sqlite:")), "jwt_secret")
		require.NoError(t, os.WriteFile(made, []byte(text), 0o600))
		other := filepath.Join(t.TempDir(), "secret")
		require.NoError(t, os.WriteFile(other, []byte(text), 0o600))
		for _, settings := range []map[string]string{
			{"JWT_SECRET": text}, {"JWT_SECRET_FILE": other}, {}, // the last one from the file beside the database
			{"JWT_SECRET": strings.Repeat("n", 32), "JWT_SECRET_PREVIOUS": text},
			{"JWT_SECRET": strings.Repeat("n", 32), "JWT_SECRET_PREVIOUS_FILE": made},
		} {
			settings["DATABASE_URL"] = url
			tokens, _ := tokensOf(t, settings)
			_, err := tokens.Verify(token)
			require.NoError(t, err, "%q in %v", text, settings)
		}
	}
}

func TestASecretThatOthersCanReachIsWarnedOf(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	t.Parallel()
	for _, test := range []struct {
		folder, file os.FileMode
		want         []string // remedies
	}{
		{0o700, 0o600, nil},
		{0o700, 0o644, nil},
		{0o711, 0o600, nil},
		{0o711, 0o644, []string{"chmod 600"}},
		{0o755, 0o600, []string{"chmod 700"}},
		{0o755, 0o644, []string{"chmod 700", "chmod 600"}},
	} {
		url := databasetest.SQLite(t)
		folder := filepath.Dir(strings.TrimPrefix(url, "sqlite:"))
		path := filepath.Join(folder, "jwt_secret")
		require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("s", 32)), 0o600))
		require.NoError(t, os.Chmod(path, test.file))
		require.NoError(t, os.Chmod(folder, test.folder))
		_, log := tokensOf(t, map[string]string{"DATABASE_URL": url})
		require.Equal(t, len(test.want), strings.Count(log, "level=WARN"), log)
		for _, remedy := range test.want {
			require.Contains(t, log, remedy)
		}
		if test.file == 0o644 && len(test.want) > 0 {
			require.Contains(t, log, "path="+path+" mode=-rw-r--r--")
		}
		require.NotContains(t, log, "ssss")
	}
}
