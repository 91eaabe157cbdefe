package database

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/disk"
)

func TestABackupOfAnOpenDatabaseRestsMoreThanItWorks(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, gentle.rest, 2*gentle.work)
	file, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	ctx, stop := context.WithCancel(t.Context())
	p := &pacer{pace: pace{work: time.Hour, rest: 20 * time.Millisecond, flush: 100}, ctx: ctx, file: file, began: time.Now()}
	require.True(t, p.goOn())
	p.began = time.Now().Add(-2 * time.Hour)
	called := time.Now()
	require.True(t, p.goOn())
	require.GreaterOrEqual(t, time.Since(called), p.rest)
	require.WithinRange(t, p.began, called.Add(p.rest), time.Now(), "the next piece of work begins after the rest")
	require.Zero(t, p.flushed, "there is too little to flush")

	_, err = file.Write(make([]byte, 100))
	require.NoError(t, err)
	p.began = time.Time{}
	require.True(t, p.goOn())
	require.EqualValues(t, 100, p.flushed)
	stop()
	require.False(t, p.goOn())
	require.ErrorIs(t, p.cause(), context.Canceled)
}

// The system reports the error of a flush once: the flush at the end would not meet it again.
func TestAFlushThatFailsInTheMiddleOfABackupEndsIt(t *testing.T) {
	t.Parallel()
	read, written, err := os.Pipe() // which cannot be flushed
	require.NoError(t, err)
	defer func() { _, _ = read.Close(), written.Close() }()
	p := &pacer{pace: pace{rest: 1}, ctx: t.Context(), file: written}
	require.False(t, p.goOn())
	require.Error(t, p.cause())
}

func TestABackupWithoutRoomIsNotBegun(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if _, err := disk.Free(folder); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("cannot tell how much is free")
	}
	require.NoError(t, NewBackupFolder(folder, "sqlite:app.db").requireRoom(1))
	const most = 1 << 62
	require.ErrorContains(t, NewBackupFolder(folder, "sqlite:app.db").requireRoom(most), "the disk has no room for another backup in "+folder+": ")
}
