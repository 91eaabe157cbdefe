package database

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAPathThatMeansSomethingElseElsewhereIsRefusedWithTheFormThatIsMeant: each would make a new file in a folder
// where nobody looks for it.
func TestAPathThatMeansSomethingElseElsewhereIsRefusedWithTheFormThatIsMeant(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ path, want string }{
		{"///app.db", "is sqlite:///app.db: write sqlite:app.db, or sqlite:/app.db for a path from the root folder"},
		{"///var/lib/app.db", "is sqlite:///var/lib/app.db: write sqlite:var/lib/app.db, or sqlite:/var/lib/app.db for a path from the root folder"},
		{"////var/lib/app.db", "is sqlite:////var/lib/app.db: write sqlite:/var/lib/app.db"},
		{"//app.db", "is sqlite://app.db: write sqlite:app.db"},
		{"//data/app.db", "is sqlite://data/app.db: write sqlite:data/app.db"},
		{"file:data/app.db", "is sqlite:file:data/app.db: write sqlite:data/app.db"},
		{"file:/var/lib/app.db", "is sqlite:file:/var/lib/app.db: write sqlite:/var/lib/app.db"},
		{"file:///var/lib/app.db", "is sqlite:file:///var/lib/app.db: write sqlite:/var/lib/app.db"},
		{"~/app.db", "is sqlite:~/app.db, where no shell replaces ~: write the folder itself, such as sqlite:/home/NAME/app.db"},
		{"~me/app.db", "is sqlite:~me/app.db, where no shell replaces ~me: write the folder itself"},
		{"///~/app.db", "where no shell replaces ~: write the folder itself"},
		{"$HOME/app.db", "where no shell replaces $HOME: write the folder itself"},
		{"/srv/${APP}/app.db", "where no shell replaces ${APP}: write the folder itself"},
		{`%APPDATA%\app.db`, "where no shell replaces %APPDATA%: write the folder itself"},
		{`C:\data\app.db`, `is sqlite:C:\data\app.db, a path of Windows: on this system write sqlite:/data/app.db`},
		{"C:/data/app.db", "is sqlite:C:/data/app.db, a path of Windows: on this system write sqlite:/data/app.db"},
		{"///C:/data/app.db", "is sqlite:///C:/data/app.db, a path of Windows: on this system write sqlite:/data/app.db"},
		{"d:app.db", "is sqlite:d:app.db, a path of Windows: on this system write sqlite:app.db"},
		{`data\app.db`, `is sqlite:data\app.db, where \ separates no folders on this system: write sqlite:data/app.db`},
		{`"data/app.db"`, "has quotes or blanks around the path, which would be part of its name: write sqlite:data/app.db"},
		{" data/app.db", "has quotes or blanks around the path"},
		{"data/", "is sqlite:data/, a folder: name the file in it, sqlite:data/app.db"},
		{"`data/app.db`", "has quotes or blanks around the path"},
		{"“data/app.db”", "has quotes or blanks around the path"},
		{"\u00a0app.db", "has quotes or blanks around the path"},
		{"app.db\u200b", "has the character U+200B in the path, which nobody sees: write the path without it"},
		{"\u202eapp.db", "has the character U+202E in the path"},
		{"data\n/app.db", "has the character U+000A in the path"},
		{"./~/y.db", "where no shell replaces ~: write the folder itself"},
		{"/~me/app.db", "where no shell replaces ~me: write the folder itself"},
		{"../~", "where no shell replaces ~: write the folder itself"},
		{"data-${ENV}.db", "where no shell replaces ${ENV}: write the folder itself"},
		{"data-$(date).db", "where no shell replaces $(date): write the folder itself"},
		{"app-%ENV%.db", "where no shell replaces %ENV%: write the folder itself"},
		{"FILE:y.db", "is sqlite:FILE:y.db: write sqlite:y.db"},
		{"File:///y.db", "is sqlite:File:///y.db: write sqlite:/y.db"},
		{"sqlite:y.db", "is sqlite:sqlite:y.db: write sqlite:y.db"},
		{"SQLite3:///y.db", "is sqlite:SQLite3:///y.db: write sqlite:y.db, or sqlite:/y.db for a path from the root folder"},
		{"{{db}}", "is sqlite:{{db}}, a placeholder: write the path of the file, such as sqlite:data/app.db"},
		{"data/{{ .Name }}.db", "a placeholder: write the path of the file"},
		{"{db}", "a placeholder: write the path of the file"},
		{"<path>", "is sqlite:<path>, a placeholder: write the path of the file"},
		{"[path]", "a placeholder: write the path of the file"},
		{"PATH", "is sqlite:PATH, a placeholder: write the path of the file"},
		{"///PATH", "a placeholder: write the path of the file"},
		{"%(db)s", "a placeholder: write the path of the file"},
		{"y%20z.db", "is sqlite:y%20z.db, where %20 is not decoded: write sqlite:y z.db"},
		{"///var%2Flib/y.db", "is sqlite:///var%2Flib/y.db, where %2F is not decoded: write sqlite:var/lib/y.db"},
		{"%e6%95%b0.db", "where %e6 is not decoded: write sqlite:数.db"},
		{"y%00.db", "where %00 is not decoded: write the character itself"},
		{"y%ff.db", "where %ff is not decoded: write the character itself"},
		{`\\srv\share\a.db`, `is sqlite:\\srv\share\a.db, a network path of Windows: mount the share and write its path here, such as sqlite:/mnt/share/app.db`},
		{`C:\\data\\app.db`, "a path of Windows: on this system write sqlite:/data/app.db"},
		{`data\`, "separates no folders on this system: write sqlite:data/app.db"},
		{"C://data/app.db", "a path of Windows: on this system write sqlite:/data/app.db"},
		{"file:///a@b.db", "write sqlite:/a@b.db"},
		{"C:/data/", "a path of Windows: on this system write sqlite:/data/app.db"},
		{"//data/", "is sqlite:data/, a folder: name the file in it, sqlite:data/app.db"},
		{"file:data/", "is sqlite:data/, a folder: name the file in it, sqlite:data/app.db"},
		{"/", "needs the path of a file: sqlite:data/app.db"},
		{"//", "needs the path of a file: sqlite:data/app.db"},
		{"file:", "needs the path of a file: sqlite:data/app.db"},
		{"///:memory:", "takes the path of a file and no options: sqlite:data/app.db"},
		{"file::memory:", "takes the path of a file and no options: sqlite:data/app.db"},
		{"app.db?mode=ro", "takes the path of a file and no options: sqlite:data/app.db"},
	} {
		err := checkPath(test.path, "linux")
		require.ErrorContains(t, err, test.want, test.path)
		for _, advice := range regexp.MustCompile(`(?:write|as|it,|or|file:) sqlite:(\S+\.db)`).FindAllStringSubmatch(err.Error(), -1) {
			require.NoError(t, checkPath(advice[1], "linux"), test.path)
		}
	}
	require.ErrorContains(t, CheckURL("sqlite:///app.db"), "write sqlite:app.db")
	_, err := Open(t.Context(), "sqlite:~/app.db", Options{})
	require.ErrorContains(t, err, "write the folder itself")
	require.NoDirExists(t, "~")
}

func TestNothingOfAnotherURLAfterSQLiteIsShown(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"postgres://u:SECRET@h/d", "///postgres://u:SECRET@h/d", "POSTGRESQL://u:SECRET@h/d", "postgres:u:SECRET@h/d",
		"postgresql+psycopg://u:SECRET@h/d", "mysql://u:SECRET@h/d", "jdbc:postgresql:SECRET", "file:postgres://u:SECRET@h/d",
		"//u:SECRET@h/d", "//u:SEC/RET@h/d", "///me:SECRET@h/d", "u:SECRET@h/d", "file://u:SECRET@h/d", "//SECRET@h/d",
		"sqlite://u:SECRET@h/d", "sqlite:postgres://u:SECRET@h/d", "data/app.db postgres://u:SECRET@h/d",
	} {
		err := CheckURL("sqlite:" + path)
		require.EqualError(t, err, "is sqlite: and another URL: write sqlite:PATH, or the other URL alone", path)
		require.NotContains(t, Redact("sqlite:"+path), "SEC")
	}
	require.ErrorContains(t, checkPath(`C:\me@home\app.db`, "linux"), "write sqlite:/me@home/app.db")
}

func TestAnyOtherPathIsTakenLiterally(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"app.db", "data/app.db", "./data/app.db", "../app.db", "/var/lib/app.db", "/var//lib/app.db", "a b/100% #1.db", "app.db~",
		"~.db", "a$b.db", "data/~/app.db", "./C:/app.db", "./file:app.db", "ab:c.db", "数据/app.db", "it's.db", "me@home/app.db",
		"./a:b@c.db", "PATH.db", "data/PATH", "100%.db", "a{b}.db", "می\u200cخواهم.db", "files/app.db", "postgres.db", "http/app.db",
	} {
		require.NoError(t, checkPath(path, "linux"), path)
	}
	for _, path := range []string{`C:\data\app.db`, "C:/data/app.db", `data\app.db`, `\\server\share\app.db`} {
		require.NoError(t, checkPath(path, "windows"), path)
	}
	require.ErrorContains(t, checkPath("///C:/data/app.db", "windows"), "write sqlite:C:/data/app.db")
	require.ErrorContains(t, checkPath(`data\`, "windows"), "a folder")
}

func TestTheFolderOfAFileIsMadeAndNoMoreThanThat(t *testing.T) {
	t.Parallel()
	folder := realPath(t.TempDir())
	url := "sqlite:" + filepath.Join(folder, "data", "app.db")
	db, err := Open(t.Context(), url, Options{})
	require.NoError(t, err)
	require.NoError(t, db.Close())

	for _, path := range []string{"new/folder/app.db", "new/and/another/folder/app.db", "data/../new/folder/app.db"} {
		_, err = Open(t.Context(), "sqlite:"+folder+"/"+path, Options{})
		require.ErrorContains(t, err, "there is no folder "+filepath.Join(folder, "new")+": make it, or name another path")
		require.NoDirExists(t, filepath.Join(folder, "new"))
	}
	for _, path := range []string{"data/app.db/x.db", "data/app.db/folder/x.db"} {
		_, err = Open(t.Context(), "sqlite:"+folder+"/"+path, Options{})
		require.ErrorContains(t, err, filepath.Join(folder, "data", "app.db")+" is a file and no folder: name another path")
	}
	_, err = Open(t.Context(), "sqlite:"+filepath.Join(folder, "data", "none", "there", "app.db"), Options{})
	require.ErrorContains(t, err, "there is no folder "+filepath.Join(folder, "data", "none")+": make it")
}

func TestAFileThatMustExistIsNamedWithTheFolderOfARelativePath(t *testing.T) {
	t.Parallel()
	folder, err := os.Getwd()
	require.NoError(t, err)
	require.EqualError(t, RequireFile("sqlite:none/app.db"),
		"there is no file none/app.db in "+folder+": name another path, or start in another folder")
	path := filepath.Join(t.TempDir(), "app.db")
	require.EqualError(t, RequireFile("sqlite:"+path), "there is no file "+path+": name another path")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, RequireFile("sqlite:"+path))
	require.NoError(t, RequireFile("postgres://host/db"))
}

func TestABackupNamesTheFolderThatIsMissing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	url := "sqlite:" + filepath.Join(folder, "app.db")
	db, err := Open(t.Context(), url, Options{})
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), "CREATE TABLE notes (id INTEGER)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	err = Backup(t.Context(), url, filepath.Join(folder, "app.db", "backup.db"))
	require.ErrorContains(t, err, filepath.Join(folder, "app.db")+" is a file and no folder: ")
	for _, path := range []string{"none/backup.db", "none/of/these/backup.db"} {
		err := Backup(t.Context(), url, filepath.Join(folder, path))
		require.ErrorContains(t, err, "there is no folder "+filepath.Join(folder, "none")+": ")
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoDirExists(t, filepath.Join(folder, "none"))
	}
	require.ErrorContains(t, Backup(t.Context(), url, folder), "the target is a folder: name the file in it")
	require.ErrorContains(t, Backup(t.Context(), url, "none/backup.db"), "there is no folder none: ")
}

// requireUntouched requires that a failed start leaves no file beside those that were there.
func requireUntouched(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	require.Equal(t, strings.Join(want, " "), strings.Join(names, " "))
}
