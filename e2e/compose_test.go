//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// composeFile is what the tests run of deploy/compose.yaml.
type composeFile struct {
	Services map[string]struct{ Environment map[string]string }
	Configs  map[string]struct{ Content string }
}

func readCompose(t *testing.T) (file composeFile, text string) {
	t.Helper()
	content, err := os.ReadFile("../deploy/compose.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, &file))
	return file, string(content)
}

func TestTheSecretsOfComposeAreReadBack(t *testing.T) {
	t.Parallel()
	compose, text := readCompose(t)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "deploy"), 0o755))
	random := `printf '0123456789abcdefghijklmnopqrstuvwxyz\n'` // for machines without openssl
	for _, line := range regexp.MustCompile(`(?m)^#   (.*)$`).FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(line[1], "docker ") || strings.HasPrefix(line[1], "sudo ") {
			continue
		}
		command := exec.Command("sh", "-ec", regexp.MustCompile(`openssl rand -\w+ \d+`).ReplaceAllString(line[1], random))
		command.Dir = dir
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s: %s", line[1], out)
	}
	var settings []string
	for name, value := range compose.Services["service"].Environment {
		if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
			value = filepath.Join(dir, "deploy/secrets", secret)
			info, err := os.Stat(value)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o640), info.Mode(), "the service's group reads it")
		}
		settings = append(settings, name+"="+value)
	}
	p := userorder(t, dir, []string{"config"}, append(settings, "JWT_SECRET=")...)
	require.Equal(t, 0, p.exit(t), said(t, p.stderr))
	require.Regexp(t, `(?m)^DATABASE_URL +postgres://userorder@database:5432/userorder +file `, said(t, p.stdout))
	require.Regexp(t, `(?m)^JWT_SECRET +\S+ +file `, said(t, p.stdout))
	require.NotContains(t, said(t, p.stdout), "abcdefghijklmnopqrstuvwxyz")
}

func TestNginxOfComposeBelievesNoClient(t *testing.T) {
	t.Parallel()
	compose, _ := readCompose(t)
	binary, dir := tool(t, "nginx"), t.TempDir()
	ports := [2]int{freePort(t), freePort(t)}
	trusted := compose.Services["service"].Environment["TRUSTED_PROXIES"] + ",127.0.0.0/8"
	var replicas []*program
	for _, port := range ports {
		p := start(t, t.TempDir(), fmt.Sprint("PORT=", port), "TRUSTED_PROXIES="+trusted)
		p.url(t)
		replicas = append(replicas, p)
	}
	port := freePort(t)
	config := strings.NewReplacer(
		"$$", "$", "listen 80;", fmt.Sprintf("listen %s;", local(port)),
		"server service:5000 max_fails=3 fail_timeout=1s;", fmt.Sprintf(
			"server %s max_fails=3 fail_timeout=1s; server %s max_fails=3 fail_timeout=1s;", local(ports[0]), local(ports[1])),
	).Replace(compose.Configs["nginx"].Content)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} { // the default folders belong to root
		config += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, []byte("events {}\nhttp {\naccess_log off;\n"+config+"}\n"), 0o600))
	base := runProxy(t, port, binary, "-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log"),
		"-g", fmt.Sprintf("daemon off; master_process off; pid %s/pid;", dir))
	request := [][2]string{{"X-Forwarded-For", "198.51.100.7"}, {"X-Forwarded-Host", "198.51.100.7"}}
	for range 10 {
		require.Equal(t, 404, sendWith(http.DefaultClient, request, "GET", base+"/nowhere", "", "").status)
	}
	for _, p := range replicas {
		require.Eventually(t, func() bool { return strings.Contains(said(t, p.stdout), "path=/nowhere") }, 10*time.Second, 10*time.Millisecond,
			"nginx sends everything to the other replica")
		require.NotContains(t, said(t, p.stdout), "198.51.100.7")
		require.Contains(t, said(t, p.stdout), "client=127.0.0.1")
	}
}
