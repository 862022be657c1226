"""Draws the things of the small world from Noto Color Emoji, one PNG each.

usage: sprites.py   (pillow; Debian's fonts-noto-color-emoji 2.042, whose only size is 109)
The font is under the SIL Open Font License 1.1, sprites/OFL.txt, and so are the pictures.
"""
import pathlib

from PIL import Image, ImageDraw, ImageFont

FONT = '/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf'
EMOJI = dict(dog='🐕', cat='🐈', rabbit='🐇', turtle='🐢', fish='🐟', bird='🐦', horse='🐎', cow='🐄', pig='🐖', sheep='🐑',
             rooster='🐓', goat='🐐', car='🚗', bus='🚌', bicycle='🚲', train='🚂', airplane='✈', boat='⛵')
OUT = pathlib.Path(__file__).resolve().parent / 'sprites'


def main():
    font = ImageFont.truetype(FONT, 109)
    for name, character in EMOJI.items():
        im = Image.new('RGBA', (136, 128), (0, 0, 0, 0))
        ImageDraw.Draw(im).text((0, 0), character, font=font, embedded_color=True)
        im.crop(im.getbbox()).save(OUT / f'{name}.png', optimize=True)


if __name__ == '__main__':
    main()
