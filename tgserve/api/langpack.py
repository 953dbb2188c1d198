"""langpack.*: no translations are served; clients use those they were built with."""

from __future__ import annotations

from tgserve import errors
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, Who, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import langpack

KEYS = 1000
ENGLISH = "en"


@rpc(langpack.GetLangPack, who=Who.ANYONE, status=Status.EMPTY)
async def get_lang_pack(call: Call, request: langpack.GetLangPack) -> t.AnyLangPackDifference:
    return t.LangPackDifference(lang_code=request.lang_code or ENGLISH, from_version=0, version=0, strings=[])


@rpc(langpack.GetDifference, who=Who.ANYONE, status=Status.EMPTY)
async def get_difference(call: Call, request: langpack.GetDifference) -> t.AnyLangPackDifference:
    version = request.from_version
    return t.LangPackDifference(
        lang_code=request.lang_code or ENGLISH, from_version=version, version=version, strings=[]
    )


@rpc(langpack.GetStrings, who=Who.ANYONE, status=Status.EMPTY)
async def get_strings(call: Call, request: langpack.GetStrings) -> list[t.AnyLangPackString]:
    if len(request.keys) > KEYS:
        raise errors.LIMIT_INVALID()
    return [t.LangPackStringDeleted(key=key) for key in request.keys]


@rpc(langpack.GetLanguages, who=Who.ANYONE, status=Status.EMPTY)
async def get_languages(call: Call, request: langpack.GetLanguages) -> list[t.AnyLangPackLanguage]:
    return [_english()]


@rpc(langpack.GetLanguage, who=Who.ANYONE, status=Status.EMPTY)
async def get_language(call: Call, request: langpack.GetLanguage) -> t.AnyLangPackLanguage:
    if (request.lang_code or ENGLISH).partition("-")[0].lower() != ENGLISH:
        raise errors.LANG_CODE_NOT_SUPPORTED()
    return _english()


def _english() -> t.LangPackLanguage:
    return t.LangPackLanguage(
        official=True,
        name="English",
        native_name="English",
        lang_code=ENGLISH,
        plural_code=ENGLISH,
        strings_count=0,
        translated_count=0,
        translations_url="",
    )
