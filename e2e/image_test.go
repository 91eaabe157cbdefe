//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// buildBase is the image that deploy/Dockerfile builds with. No registry is asked for it: the test makes one of that
	// name, with what the build needs.
	buildBase = "docker.io/library/golang:1.26"
	image     = "docker.io/library/userorder:v1.2.3"
)

// images runs buildah with a storage of its own in a folder.
type images string

// run returns what a command of buildah prints.
func (i images) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, tool(t, "buildah"), append([]string{
		"--root", string(i) + "/root", "--runroot", string(i) + "/run", "--storage-driver", "vfs",
	}, args...)...)
	command.Env = append(os.Environ(), "TMPDIR="+string(i))
	var stderr strings.Builder
	command.Stderr = &stderr
	stdout, err := command.Output()
	require.NoError(t, err, "%s%s", stdout, stderr.String())
	return strings.TrimSpace(string(stdout))
}

// makeBase makes the image to build with, from programs of this machine, their libraries, and the certificates of
// authorities. Go itself becomes a volume of the build.
func (i images) makeBase(t *testing.T, authorities []byte) {
	t.Helper()
	root := t.TempDir()
	put := func(path string, content []byte) {
		require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, path), content, 0o755))
	}
	for _, name := range []string{"sh", "make", "install", "ls", "uname"} {
		program := tool(t, name)
		libraries, err := exec.Command("ldd", program).Output()
		require.NoError(t, err)
		for _, path := range append(regexp.MustCompile(`/\S+`).FindAllString(string(libraries), -1), program) {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			if path == program {
				path = "/bin/" + name
			}
			put(path, content)
		}
	}
	put("/etc/ssl/certs/ca-certificates.crt", authorities)
	put("/tmp/made", nil)
	dockerfile := filepath.Join(t.TempDir(), "Dockerfile")
	require.NoError(t, os.WriteFile(dockerfile, []byte("FROM scratch\nCOPY . /\n"+
		"ENV PATH=/usr/local/go/bin:/bin GOPATH=/go GOCACHE=/cache GOTOOLCHAIN=local GOPROXY=off\n"), 0o600))
	i.run(t, "build", "--tag", buildBase, "--file", dockerfile, root)
}

// build builds deploy/Dockerfile with the modules and the build cache of this machine.
func (i images) build(t *testing.T) {
	t.Helper()
	download := exec.Command("go", "mod", "download")
	download.Dir = ".."
	out, err := download.CombinedOutput()
	require.NoError(t, err, string(out))
	env, err := exec.Command("go", "env", "-json", "GOROOT", "GOMODCACHE", "GOCACHE").Output()
	require.NoError(t, err)
	var folders struct{ GOROOT, GOMODCACHE, GOCACHE string }
	require.NoError(t, json.Unmarshal(env, &folders))
	i.run(t, "build", "--isolation", "chroot", "--format", "docker", "--pull-never", "--tag", image,
		"--build-arg", "VERSION=v1.2.3",
		"--file", "../deploy/Dockerfile",
		"--volume", folders.GOROOT+":/usr/local/go:ro", "--volume", folders.GOMODCACHE+":/go/pkg/mod:ro",
		"--volume", folders.GOCACHE+":/cache", "..")
}

// unpack returns the folder of a container made from the image.
func (i images) unpack(t *testing.T) (root string) {
	t.Helper()
	return i.run(t, "mount", i.run(t, "from", "--pull-never", image))
}

// inImage returns a command of the program in the image, which runs as a user on a read-only copy of root whose /data is a
// filesystem with options. Nothing of this machine is mounted: no /proc, no /etc/hosts, no resolver.
func inImage(t *testing.T, root string, user syscall.Credential, options string) func(args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	mount := func(source, target, kind string, flags uintptr, options string) {
		require.NoError(t, syscall.Mount(source, target, kind, flags, options), target)
	}
	mount(root, dir, "", syscall.MS_BIND, "")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	mount("tmpfs", dir+"/data", "tmpfs", 0, options)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir+"/data", syscall.MNT_DETACH)) })
	return func(args ...string) *exec.Cmd {
		command := exec.Command("/usr/local/bin/userorder", args...)
		command.SysProcAttr = &syscall.SysProcAttr{
			Chroot: dir, Credential: &user, Cloneflags: syscall.CLONE_NEWPID, // process 1 ignores signals that it does not handle
		}
		return command
	}
}

// imageUser is the user of the image, and ownData the options of a /data like that of the image.
var (
	imageUser = syscall.Credential{Uid: 65532, Gid: 65532}
	ownData   = "mode=0700,uid=65532,gid=65532"
)

func TestTheBuildSeesNoSecretsAndNoData(t *testing.T) {
	if os.Getuid() != 0 {
		need(t, "root, to build an image", syscall.EPERM)
	}
	dir := t.TempDir()
	for _, path := range []string{
		".env", ".git/config", "app.db", "app.db-wal", "data/app.db", "data/jwt_secret", "deploy/.env", "deploy/secrets/jwt_secret", "main.go", "user/user.go", "userorder",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), nil, 0o600))
	}
	dockerfile := filepath.Join(t.TempDir(), "Dockerfile")
	require.NoError(t, os.WriteFile(dockerfile, []byte("FROM scratch\nCOPY . /\n"), 0o600))
	ignored, err := os.ReadFile("../deploy/Dockerfile.dockerignore")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dockerfile+".dockerignore", ignored, 0o600))
	i := images(t.TempDir())
	i.run(t, "build", "--tag", image, "--file", dockerfile, dir)
	root, sent := i.unpack(t), []string(nil)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			sent = append(sent, strings.TrimPrefix(path, root))
		}
		return err
	}))
	require.Equal(t, []string{"/main.go", "/user/user.go"}, sent)
}

func TestTheImage(t *testing.T) {
	slow(t)
	t.Parallel()
	if os.Getuid() != 0 {
		need(t, "root, to change the root folder", syscall.EPERM)
	}
	called := make(chan struct{}, 1)
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case called <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(receiver.Close)
	i := images(t.TempDir())
	i.makeBase(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: receiver.Certificate().Raw}))
	i.build(t)
	root := i.unpack(t)

	t.Run("says how it is run", func(t *testing.T) {
		var inspected struct {
			Docker struct {
				Config struct {
					User, WorkingDir      string
					Entrypoint, Cmd       []string
					ExposedPorts, Volumes map[string]struct{}
					Healthcheck           struct {
						Test        []string
						StartPeriod time.Duration
					}
				} `json:"config"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(i.run(t, "inspect", "--type", "image", image)), &inspected))
		config := inspected.Docker.Config
		require.Equal(t, "65532:65532", config.User)
		require.Equal(t, "/", config.WorkingDir, "DATABASE_URL names data/app.db")
		require.Equal(t, []string{"/usr/local/bin/userorder"}, config.Entrypoint)
		require.Empty(t, config.Cmd, "docker run userorder help runs a command")
		require.Equal(t, map[string]struct{}{"5000/tcp": {}}, config.ExposedPorts)
		require.Equal(t, map[string]struct{}{"/data": {}}, config.Volumes)
		require.Equal(t, []string{"CMD", "/usr/local/bin/userorder", "healthcheck"}, config.Healthcheck.Test)
		require.Equal(t, 10*time.Minute, config.Healthcheck.StartPeriod, "as the startup probe of Kubernetes")
	})

	t.Run("has nothing but the program, and lets it write to /data and /tmp alone", func(t *testing.T) {
		var files []string
		require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			require.NoError(t, err)
			info, err := entry.Info()
			require.NoError(t, err)
			if path = strings.TrimPrefix(path, root); path != "" {
				owner := info.Sys().(*syscall.Stat_t)
				files = append(files, fmt.Sprintf("%s %d:%d %s", info.Mode(), owner.Uid, owner.Gid, path))
			}
			return nil
		}))
		require.Equal(t, []string{
			"drwx------ 65532:65532 /data",
			"drwxr-xr-x 0:0 /etc",
			"drwxr-xr-x 0:0 /etc/ssl",
			"drwxr-xr-x 0:0 /etc/ssl/certs",
			"-rw-r--r-- 0:0 /etc/ssl/certs/ca-certificates.crt",
			"dtrwxrwxrwx 0:0 /tmp",
			"drwxr-xr-x 0:0 /usr",
			"drwxr-xr-x 0:0 /usr/local",
			"drwxr-xr-x 0:0 /usr/local/bin",
			"-rwxr-xr-x 0:0 /usr/local/bin/userorder",
		}, files)
	})

	t.Run("serves with a root that is read-only", func(t *testing.T) {
		command := inImage(t, root, imageUser, ownData)
		ops := local(freePort(t))
		settings := []string{
			"JWT_SECRET=", "OPS_ADDR=" + ops, "WEBHOOK_SECRET=" + webhookSecret, "WEBHOOK_URLS=" + receiver.URL,
		}
		version := launch(t, "/", command("version"))
		require.Equal(t, 0, version.exit(t))
		require.Contains(t, said(t, version.stdout), "v1.2.3", "the build argument")
		p := launch(t, "/", command(), settings...)
		base := p.url(t)
		token := login(t, base)
		id := create(base, token, "kept").Data.ID
		select {
		case <-called:
		case <-time.After(time.Minute):
			require.FailNow(t, "no webhook through TLS", said(t, p.stdout))
		}
		_, port, _ := strings.Cut(strings.TrimPrefix(base, "http://"), ":")
		_, opsPort, _ := strings.Cut(ops, ":")
		for _, where := range []string{"HOST=0.0.0.0 OPS_ADDR=off PORT=" + port, "OPS_ADDR=:" + opsPort, "OPS_ADDR=" + ops} {
			check := launch(t, "/", command("healthcheck"), strings.Fields(where)...)
			require.Equal(t, 0, check.exit(t), "%s: %s", where, said(t, check.stderr))
		}
		backup := launch(t, "/", command("backup", "/data/copy.db"))
		require.Equal(t, 0, backup.exit(t), said(t, backup.stderr))
		p.stop(t)
		check := launch(t, "/", command("healthcheck"), "HOST=0.0.0.0", "PORT="+port)
		require.Equal(t, 1, check.exit(t), "nothing listens")
		p = launch(t, "/", command(), settings...)
		require.True(t, send("GET", p.url(t)+"/order/query/"+id, token, "").ok(), "the secret and the order are in /data")
		p.stop(t)
	})

	t.Run("runs as another user of the group that owns /data", func(t *testing.T) { // as some clusters choose one
		p := launch(t, "/", inImage(t, root, syscall.Credential{Uid: 1000680000, Gid: 0}, "mode=0770,uid=0,gid=0")(), "JWT_SECRET=")
		login(t, p.url(t))
		p.stop(t)
	})

	t.Run("says who must own /data", func(t *testing.T) {
		p := launch(t, "/", inImage(t, root, imageUser, "mode=0755,uid=0,gid=0")())
		require.Equal(t, 1, p.exit(t))
		require.Equal(t, "userorder: DATABASE_URL: open sqlite:data/app.db: open /data/app.db-lock: permission denied: "+
			"let this user (uid 65532) write there, or name another path\n", said(t, p.stderr))
	})
}
