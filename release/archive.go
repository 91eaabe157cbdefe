package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"time"
)

// create writes a file through write.
func create(path string, write func(w io.Writer) error) error {
	f, err := os.Create(path) //nolint:gosec // in dist, with a version that run has checked
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// writeTar writes files, in their order, below folder into a compressed archive. They belong to root.
func writeTar(path, folder string, at time.Time, files []file) error {
	return create(path, func(w io.Writer) error {
		compressed, err := gzip.NewWriterLevel(w, gzip.BestCompression) // its header has no name and no time
		if err != nil {
			return err
		}
		archive := tar.NewWriter(compressed)
		for _, f := range files {
			header := &tar.Header{
				Typeflag: tar.TypeReg, Name: folder + "/" + f.name, Mode: int64(f.mode), Size: int64(len(f.content)), ModTime: at, Format: tar.FormatUSTAR,
			}
			if err := archive.WriteHeader(header); err != nil {
				return err
			}
			if _, err := archive.Write(f.content); err != nil {
				return err
			}
		}
		return errors.Join(archive.Close(), compressed.Close())
	})
}

// writeZip does the same for Windows.
func writeZip(path, folder string, at time.Time, files []file) error {
	return create(path, func(w io.Writer) error {
		archive := zip.NewWriter(w)
		for _, f := range files {
			header := &zip.FileHeader{Name: folder + "/" + f.name, Method: zip.Deflate, Modified: at}
			header.SetMode(f.mode)
			entry, err := archive.CreateHeader(header)
			if err != nil {
				return err
			}
			if _, err := entry.Write(f.content); err != nil {
				return err
			}
		}
		return archive.Close()
	})
}
