//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// rotation returns the rolls of replicas that docs/upgrading.md lists for secrets in files, as settings.
func rotation(t *testing.T) (rolls [][]string) {
	t.Helper()
	text, err := os.ReadFile("../docs/upgrading.md")
	require.NoError(t, err)
	setting := regexp.MustCompile("`(JWT_SECRET(?:_PREVIOUS)?_FILE=[^`]+)`")
	for _, line := range regexp.MustCompile("(?m)^[123]\\. `JWT_SECRET_FILE.*").FindAllString(string(text), -1) {
		var roll []string
		for _, found := range setting.FindAllStringSubmatch(line, -1) {
			roll = append(roll, found[1])
		}
		rolls = append(rolls, roll)
	}
	require.Len(t, rolls, 3)
	return rolls
}

func TestASecretIsRotatedReplicaByReplicaWithoutA401(t *testing.T) {
	t.Parallel()
	dir, url := t.TempDir(), databasetest.Postgres(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "jwt_secret"), []byte(strings.Repeat("o", 32)+"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "jwt_secret.new"), []byte("\ufeff"+strings.Repeat("n", 32)+"\r\n"), 0o600))
	replica := func(settings ...string) *program {
		return start(t, dir, append([]string{"DATABASE_URL=" + url, "JWT_SECRET="}, settings...)...)
	}
	replicas := []*program{replica("JWT_SECRET_FILE=data/jwt_secret"), replica("JWT_SECRET_FILE=data/jwt_secret")}
	tokens := []string{login(t, replicas[0].url(t))}
	for number, roll := range rotation(t) {
		if number == 2 {
			tokens = tokens[len(tokens)-2:] // TOKEN_TTL later
		}
		for i := range replicas {
			replicas[i].stop(t)
			replicas[i] = replica(roll...)
			for _, issuer := range replicas {
				tokens = append(tokens, login(t, issuer.url(t)))
			}
			for _, token := range tokens {
				for _, verifier := range replicas {
					require.True(t, send("GET", verifier.url(t)+"/user/info", token, "").ok(), "roll %d of replica %d", number+1, i+1)
				}
			}
		}
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "data", "jwt_secret")))
	replicas[0].stop(t)
	replicas[0] = replica(rotation(t)[2]...)
	require.True(t, send("GET", replicas[0].url(t)+"/user/info", tokens[len(tokens)-1], "").ok())
}

func TestTheSecretBesideTheDatabaseIsRotatedByRenamingIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "data", "jwt_secret")
	p := start(t, dir, "JWT_SECRET=")
	old := login(t, p.url(t))
	p.stop(t)
	text, err := os.ReadFile("../docs/upgrading.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "mv data/jwt_secret data/jwt_secret.previous\nJWT_SECRET_PREVIOUS_FILE=data/jwt_secret.previous userorder\n")
	require.NoError(t, os.Rename(secret, secret+".previous"))
	p = start(t, dir, "JWT_SECRET=", "JWT_SECRET_PREVIOUS_FILE=data/jwt_secret.previous")
	require.True(t, send("GET", p.url(t)+"/user/info", old, "").ok())
	fresh := login(t, p.url(t))
	p.stop(t)
	require.NoError(t, os.Remove(secret+".previous"))
	p = start(t, dir, "JWT_SECRET=")
	require.True(t, send("GET", p.url(t)+"/user/info", fresh, "").ok())
	require.Equal(t, 401, send("GET", p.url(t)+"/user/info", old, "").status)
}
