#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which parts of the product use which: includes and calls between the rooms of a list.

layers.py LIST prints every arrow that goes up, every circle of rooms, and every piece of code that is
there twice, and last "N rooms, N arrows up, N circles". It fails when the list allows fewer of them,
and when a source is in no room. The list (tests/style/rooms) explains its own lines.

A call is the name of a function that another file defines, wherever it stands in a function, an
initializer or a macro: so a function that is passed on counts, too. Declarations do not.
"""

import re
import sys
from pathlib import Path

# Lines that are the same, one after the other, before they are called a copy.
COPY = 10

COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.S)
TOKEN = re.compile(r'\n|[A-Za-z_]\w*|->|[^\s\w]')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]', re.M)
ATTRIBUTES = {'__attribute__', '__printf', '__must_check', '__section', '__aligned'}
# A member, or a tag.
NOT_BEFORE_FUNCTIONS = {'.', '->', 'struct', 'union', 'enum'}
NOT_FUNCTIONS = {'if', 'for', 'while', 'switch', 'return', 'sizeof', 'do', 'else'}


def blank(match):
    """As many lines as the match has; a string stays one, so that includes can be told."""
    text = match.group(0)
    if text[0] == '/':
        return ' ' + '\n' * text.count('\n')
    return '""'


class Source:
    """A file: what it includes, which functions it defines, and which names it uses, with lines."""

    def __init__(self, path):
        self.path = path
        text = path.read_text()
        without_comments = re.sub(r'//[^\n]*|/\*.*?\*/', blank, text, flags=re.S)
        self.includes = [(without_comments.count('\n', 0, m.start()) + 1, m.group(1))
                         for m in INCLUDE.finditer(without_comments)]
        self.public = set()
        self.private = set()
        self.uses = []
        self.scan(COMMENT_OR_STRING.sub(blank, text))

    def scan(self, code):
        code, macros = self.split_macros(code)
        line, depth, before, statement = 1, 0, '', []
        for token in TOKEN.findall(code):
            if token == '\n':
                line += 1
                continue
            if token == '{':
                if depth == 0:
                    self.define(statement)
                depth += 1
            elif token == '}':
                depth -= 1
                if depth == 0:
                    statement = []
            elif depth == 0:
                statement = [] if token == ';' else statement + [token]
            elif before not in NOT_BEFORE_FUNCTIONS:
                self.use(token, line)
            before = token
        if depth:
            raise SystemExit(f'{self.path}: braces do not match')
        for line, body in macros:
            for token in TOKEN.findall(body):
                self.use(token, line)

    @staticmethod
    def split_macros(code):
        """The code without its directives, and the bodies of its macros."""
        macros, lines, rest = [], code.split('\n'), []
        nr = 0
        while nr < len(lines):
            if not lines[nr].lstrip().startswith('#'):
                rest.append(lines[nr])
                nr += 1
                continue
            begin, directive = nr, ''
            while True:
                directive += lines[nr].rstrip('\\') + ' '
                rest.append('')
                nr += 1
                if nr == len(lines) or not lines[nr - 1].endswith('\\'):
                    break
            body = re.match(r'\s*#\s*define\s+\w+(?:\([^)]*\))?(.*)', directive)
            if body:
                macros.append((begin + 1, body.group(1)))
        return '\n'.join(rest), macros

    def define(self, statement):
        """The statement in front of a { outside of all others: a function, if it has a (."""
        if '=' in statement:
            return
        for name, following in zip(statement, statement[1:]):
            if following == '(' and re.match(r'[A-Za-z_]', name) and name not in ATTRIBUTES:
                private = 'static' in statement and self.path.suffix == '.c'
                (self.private if private else self.public).add(name)
                return

    def use(self, token, line):
        if re.match(r'[A-Za-z_]', token) and token not in NOT_FUNCTIONS:
            self.uses.append((line, token))


class Part:
    """A part of the product: its rooms from the top, and what is allowed of what should not be."""

    def __init__(self, name):
        self.name = name
        self.rooms = []
        self.room_of = {}
        self.allowed = {}
        self.sources = {}

    def add_room(self, name, patterns):
        self.rooms.append(name)
        for pattern in patterns:
            found = sorted(Path('.').glob(pattern))
            if not found:
                raise SystemExit(f'{self.name}, room {name}: there is no {pattern}')
            for path in found:
                if path in self.room_of:
                    raise SystemExit(f'{path} is in two rooms')
                self.room_of[path] = len(self.rooms) - 1
                self.sources[path] = Source(path)

    def arrows(self):
        """(file, line, name, file that has it): one for each name that a file uses of another."""
        by_name = {}
        for path in self.sources:
            by_name.setdefault(path.name, []).append(path)
        definer = {name: path for path, source in self.sources.items() for name in source.public}
        for path, source in self.sources.items():
            seen = set()
            for line, included in source.includes:
                for target in by_name.get(Path(included).name, []):
                    yield path, line, included, target
            for line, name in source.uses:
                target = definer.get(name, path)
                if target != path and name not in source.private and name not in seen:
                    seen.add(name)
                    yield path, line, f'{name}()', target

    def circles(self, edges):
        """Rooms that reach each other: each circle as a list."""
        reach = {room: self.reached(room, edges) for room in range(len(self.rooms))}
        circles = []
        for room in reach:
            circle = [r for r in reach[room] if room in reach[r]]
            if circle and min(circle) == room and len(circle) > 1:
                circles.append(sorted(circle))
        return circles

    @staticmethod
    def reached(room, edges):
        seen, todo = set(), [room]
        while todo:
            for following in edges.get(todo.pop(), ()):
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
        return seen


def read_list(path):
    parts = []
    everywhere = {}
    for nr, line in enumerate(Path(path).read_text().splitlines(), 1):
        words = line.split('#')[0].split()
        if not words:
            continue
        if words[0] == 'part' and len(words) == 2:
            parts.append(Part(words[1]))
        elif words[0] == 'room' and len(words) > 2 and parts:
            parts[-1].add_room(words[1], words[2:])
        elif words[0] in ('up', 'circles') and len(words) == 2 and parts:
            parts[-1].allowed[words[0]] = int(words[1])
        elif words[0] == 'copies' and len(words) == 2:
            everywhere['copies'] = int(words[1])
        elif words[0] == 'sources' and len(words) > 1:
            everywhere.setdefault('sources', []).extend(words[1:])
        else:
            raise SystemExit(f'{path}:{nr}: not a line of this list: {line}')
    return parts, everywhere


def code_lines(path):
    """What makes two lines the same: (line number, text) without blanks, comments and lone braces."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/', blank, path.read_text(), flags=re.S)
    for nr, line in enumerate(text.split('\n'), 1):
        line = ''.join(line.split())
        if line not in ('', '{', '}', '};', 'break;') and not line.startswith('#'):
            yield nr, line


def copies(paths):
    """Pieces of code of more than COPY lines that are there twice: (file, line, file, line, lines)."""
    files = {path: list(code_lines(path)) for path in paths}
    first, found, covered = {}, [], set()
    for path, lines in files.items():
        texts = [text for _, text in lines]
        for at in range(len(lines) - COPY):
            key = tuple(texts[at:at + COPY + 1])
            if key not in first:
                first[key] = (path, at)
                continue
            other, begin = first[key]
            if (path, at) in covered or (other == path and at - begin <= COPY):
                continue
            length = COPY + 1
            there = files[other]
            while (at + length < len(lines) and begin + length < len(there)
                   and lines[at + length][1] == there[begin + length][1]):
                length += 1
            covered.update((path, at + i) for i in range(length))
            found.append((other, there[begin][0], path, lines[at][0], length))
    return found


def main(path):
    parts, everywhere = read_list(path)
    rooms = up = circles = 0
    wrong = []
    for part in parts:
        edges, above = {}, 0
        for source, line, name, target in part.arrows():
            here, there = part.room_of[source], part.room_of[target]
            if here == there:
                continue
            edges.setdefault(here, set()).add(there)
            if there < here:
                above += 1
                print(f'{source}:{line}: up, from {part.rooms[here]} to {part.rooms[there]}: {name}')
        closed = part.circles(edges)
        for circle in closed:
            print(f'{part.name}: a circle of {len(circle)}: '
                  + ', '.join(part.rooms[room] for room in circle))
        for what, number in (('up', above), ('circles', len(closed))):
            allowed = part.allowed.get(what, 0)
            if number > allowed:
                wrong.append(f'{part.name}: {what} {number}, and {path} allows {allowed}')
            elif number < allowed:
                print(f'{part.name}: {what} {number}: {path} can say so, it allows {allowed}')
        rooms, up, circles = rooms + len(part.rooms), up + above, circles + len(closed)

    product = sorted({p for pattern in everywhere['sources'] for p in Path('.').glob(pattern)})
    twice = copies(product)
    for source, line, other, other_line, length in twice:
        print(f'{other}:{other_line}: {length} lines as from {source}:{line} on')
    if len(twice) > everywhere.get('copies', 0):
        wrong.append(f"{len(twice)} copies, and {path} allows {everywhere.get('copies', 0)}")

    known = {source for part in parts for source in part.room_of}
    for part in parts:
        for folder in {source.parent for source in part.room_of}:
            wrong += [f'{source}: in no room of {path}' for source in sorted(folder.glob('*.[ch]'))
                      if source not in known]
    print('\n'.join(wrong + [f'{rooms} rooms, {up} arrows up, {circles} circles']))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
