package tokenizer

import "strings"

// Text crosses to the library and back as a C string, which ends at a NUL. Inside the
// library a NUL is a character like any other, and byte-level tokens decode to it. So it
// crosses as two characters that no text is likely to have, Unicode's own noncharacters,
// and where a text does have the first of them, that crosses as two as well. The library
// puts the characters back before it normalises text, and in after it has decoded.
const (
	mark         = "\uFDD0"        // begins each pair
	markedNUL    = mark + "\uFDD1" // stands for "\x00"
	markedItself = mark + "\uFDD2" // stands for mark
)

// escape takes the NULs out of a text for the library.
func escape(text string) string {
	return strings.NewReplacer(mark, markedItself, "\x00", markedNUL).Replace(text)
}

// unescape puts the NULs back into a text of the library.
func unescape(text string) string {
	return strings.NewReplacer(markedItself, mark, markedNUL, "\x00").Replace(text)
}

// replace is a normaliser or a decoder of the library.
func replace(from, to string) any {
	return map[string]any{"type": "Replace", "pattern": map[string]string{"String": from}, "content": to}
}

// unescaping is the normaliser that undoes escape and then does what normalizer does,
// the JSON of one, or nothing if that is null. The order counts: once NULs are back, each
// mark that is left stands for itself.
func unescaping(normalizer any) any {
	steps := []any{replace(markedNUL, "\x00"), replace(markedItself, mark)}
	if normalizer != nil {
		steps = append(steps, normalizer)
	}
	return map[string]any{"type": "Sequence", "normalizers": steps}
}

// escaping is the decoder that does what decoder does and then escapes.
func escaping(decoder any) any {
	return map[string]any{"type": "Sequence", "decoders": []any{decoder, replace(mark, markedItself), replace("\x00", markedNUL)}}
}
