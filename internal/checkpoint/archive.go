package checkpoint

import (
	"archive/zip"
	"bytes"
	"fmt"
	"path"
	"strings"
)

// An archive is the zip file that torch.save writes: every record lies
// uncompressed under one folder, at an offset that is a multiple of 64, so that
// it can be used in place.
type archive struct {
	bytes   []byte // of the whole file, borrowed
	records map[string]*zip.File
}

// openArchive reads the directory of the archive in b.
func openArchive(b []byte) (*archive, error) {
	if err := recogniseTorch(b); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("damaged zip archive: %w", err)
	}
	a := &archive{b, make(map[string]*zip.File, len(z.File))}
	root, err := rootOf(z)
	if err != nil {
		return nil, err
	}
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, root)
		if !ok {
			continue
		}
		if a.records[name] != nil {
			return nil, fmt.Errorf("record %s is given twice", f.Name)
		}
		a.records[name] = f
	}
	return a, a.check()
}

// convertHint is how a user turns any file that Python still reads into one that we
// read.
const convertHint = `rewrite it with: python -c "import torch; p='pytorch_model.bin'; torch.save(torch.load(p, weights_only=True), p)"`

// recogniseTorch tells the format that is read from those that came before it.
func recogniseTorch(b []byte) error {
	switch {
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return nil
	case len(b) > 262 && string(b[257:262]) == "ustar":
		return fmt.Errorf("it is a tar archive of PyTorch before 0.1.10, which is not read; %s", convertHint)
	case len(b) > 1 && b[0] == 0x80 && b[1] <= 5:
		return fmt.Errorf("it is a plain pickle of PyTorch before 1.6, which is not read; %s", convertHint)
	case bytes.HasPrefix(b, []byte("version https://git-lfs")):
		return fmt.Errorf("it is a pointer of git-lfs, not the file itself; fetch that with: git lfs pull")
	}
	return fmt.Errorf("it is not a PyTorch file")
}

// rootOf returns the folder of all records, with its slash: that of data.pkl.
func rootOf(z *zip.Reader) (string, error) {
	for _, f := range z.File {
		if dir, base := path.Split(f.Name); base == "data.pkl" && strings.Count(dir, "/") <= 1 {
			return dir, nil
		}
	}
	return "", fmt.Errorf("the archive has no data.pkl, so it is not a PyTorch file")
}

// check refuses scripted models and files of big-endian machines.
func (a *archive) check() error {
	if a.records["constants.pkl"] != nil {
		return fmt.Errorf("it is a TorchScript program, not a state dict")
	}
	if a.records["byteorder"] != nil {
		order, err := a.record("byteorder")
		if err != nil {
			return err
		}
		if string(order) != "little" {
			return fmt.Errorf("its numbers are in %.16q byte order, only little is read", order)
		}
	}
	return nil
}

// record returns the bytes of a record in place.
func (a *archive) record(name string) ([]byte, error) {
	f := a.records[name]
	if f == nil {
		return nil, fmt.Errorf("record %s is missing", name)
	}
	if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 || f.Flags&1 != 0 {
		return nil, fmt.Errorf("record %s is compressed or encrypted, which PyTorch never does", name)
	}
	from, err := f.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", name, err)
	}
	if from < 0 || from > int64(len(a.bytes)) || f.UncompressedSize64 > uint64(int64(len(a.bytes))-from) {
		return nil, fmt.Errorf("record %s goes beyond the file's end", name)
	}
	to := from + int64(f.UncompressedSize64)
	return a.bytes[from:to:to], nil
}
