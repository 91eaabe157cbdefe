package auth_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
)

func refreshTokenOf(t testing.TB, tokens *auth.Tokens) string {
	access, err := tokens.Grant(auth.Session{ID: 12, UserID: 7, Counter: 34, ExpiresAt: now.Add(time.Hour)})
	require.NoError(t, err)
	return access.RefreshToken
}

func TestARefreshTokenIsGoodUnderBothSecretsAndForOneDatabase(t *testing.T) {
	old := newTokens(t, auth.Config{Secret: older, Ended: auth.EndedOf("one")})
	rotated := newTokens(t, auth.Config{Previous: older, Ended: auth.EndedOf("one")})
	restored := newTokens(t, auth.Config{Previous: older, Ended: auth.EndedOf("other")})
	want := auth.RefreshToken{SessionID: 12, UserID: 7, Counter: 34}
	for _, tokens := range []*auth.Tokens{old, rotated} {
		got, err := rotated.ParseRefresh(refreshTokenOf(t, tokens))
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = restored.ParseRefresh(refreshTokenOf(t, tokens))
		require.ErrorContains(t, err, "invalid signature")
	}
	_, err := old.ParseRefresh(refreshTokenOf(t, rotated))
	require.ErrorContains(t, err, "invalid signature")
}

// FuzzRefreshToken checks that no text is good but the one that was issued.
func FuzzRefreshToken(f *testing.F) {
	tokens := newTokens(f, auth.Config{Ended: auth.EndedOf("one")})
	good := refreshTokenOf(f, tokens)
	require.Len(f, good, 55)
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(f, err)
	for i := range raw { // every byte counts
		forged := append([]byte{}, raw...)
		forged[i] ^= 1
		f.Add(base64.RawURLEncoding.EncodeToString(forged))
	}
	for _, text := range []string{
		good, "", "x", good + "=", good + " ", " " + good, good[:54], good + "A", "\n" + good, good[:20] + "\r\n" + good[20:],
		strings.ToUpper(good), strings.Repeat("A", 55), strings.Repeat("A", 200), strings.ReplaceAll(good, "-", "+"), "\x00", "ÿ",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := tokens.ParseRefresh(text)
		if text == good {
			require.NoError(t, err)
			require.Equal(t, auth.RefreshToken{SessionID: 12, UserID: 7, Counter: 34}, got)
			return
		}
		require.Error(t, err)
		require.Zero(t, got)
	})
}
