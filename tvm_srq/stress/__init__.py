"""Pictures that photographs are not: saturated colours, lettering, drawings, gratings, screens. All are drawn, none is stored.

Networks are calibrated on photographs and then shown logos, cartoons and screenshots. ``analyze`` shows what becomes of flat
colours (quant.reports.flat_colours).
"""
