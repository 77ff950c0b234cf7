"""Symbols of the 1651 magnetic space groups in the notation of Belov, Neronova and Smirnova, by UNI number from 1.

spglib (2.8) gives numbers of a group, not its symbol, and magnetic Hall symbols in its sources alone. The symbols are
those of the table of H. T. Stokes and B. J. Campbell, ISO-MAG, ISOTROPY Software Suite, iso.byu.edu, which the magCIF
dictionary of the IUCr names as the reference of _space_group_magn.name_BNS; the UNI numbers are those of spglib (K.
Shinohara, A. Togo & I. Tanaka, Acta Cryst. A 79, 390 (2023)). Only the names of the groups are taken from the table,
not its operations. It states no licence; pymatgen, which carries all of it, does so by permission of B. J. Campbell.
"""

_TABLE = """P1 P11' P_S1 P-1 P-11' P-1' P_S-1 P2 P21' P2' P_a2 P_b2 P_C2 P2_1 P2_11' P2_1' P_a2_1 P_b2_1 P_C2_1 C2
C21' C2' C_c2 C_a2 Pm Pm1' Pm' P_am P_bm P_Cm Pc Pc1' Pc' P_ac P_cc P_bc P_Cc P_Ac Cm Cm1' Cm' C_cm C_am Cc Cc1' Cc'
C_cc C_ac P2/m P2/m1' P2'/m P2/m' P2'/m' P_a2/m P_b2/m P_C2/m P2_1/m P2_1/m1' P2_1'/m P2_1/m' P2_1'/m' P_a2_1/m
P_b2_1/m P_C2_1/m C2/m C2/m1' C2'/m C2/m' C2'/m' C_c2/m C_a2/m P2/c P2/c1' P2'/c P2/c' P2'/c' P_a2/c P_b2/c P_c2/c
P_A2/c P_C2/c P2_1/c P2_1/c1' P2_1'/c P2_1/c' P2_1'/c' P_a2_1/c P_b2_1/c P_c2_1/c P_A2_1/c P_C2_1/c C2/c C2/c1' C2'/c
C2/c' C2'/c' C_c2/c C_a2/c P222 P2221' P2'2'2 P_a222 P_C222 P_I222 P222_1 P222_11' P2'2'2_1 P22'2_1' P_a222_1 P_c222_1
P_B222_1 P_C222_1 P_I222_1 P2_12_12 P2_12_121' P2_1'2_1'2 P2_12_1'2' P_b2_12_12 P_c2_12_12 P_B2_12_12 P_C2_12_12
P_I2_12_12 P2_12_12_1 P2_12_12_11' P2_1'2_1'2_1 P_c2_12_12_1 P_C2_12_12_1 P_I2_12_12_1 C222_1 C222_11' C2'2'2_1
C22'2_1' C_c222_1 C_a222_1 C_A222_1 C222 C2221' C2'2'2 C22'2' C_c222 C_a222 C_A222 F222 F2221' F2'2'2 F_S222 I222
I2221' I2'2'2 I_c222 I2_12_12_1 I2_12_12_11' I2_1'2_1'2_1 I_c2_12_12_1 Pmm2 Pmm21' Pm'm2' Pm'm'2 P_cmm2 P_amm2 P_Cmm2
P_Amm2 P_Imm2 Pmc2_1 Pmc2_11' Pm'c2_1' Pmc'2_1' Pm'c'2_1 P_amc2_1 P_bmc2_1 P_cmc2_1 P_Amc2_1 P_Bmc2_1 P_Cmc2_1
P_Imc2_1 Pcc2 Pcc21' Pc'c2' Pc'c'2 P_ccc2 P_acc2 P_Ccc2 P_Acc2 P_Icc2 Pma2 Pma21' Pm'a2' Pma'2' Pm'a'2 P_ama2 P_bma2
P_cma2 P_Ama2 P_Bma2 P_Cma2 P_Ima2 Pca2_1 Pca2_11' Pc'a2_1' Pca'2_1' Pc'a'2_1 P_aca2_1 P_bca2_1 P_cca2_1 P_Aca2_1
P_Bca2_1 P_Cca2_1 P_Ica2_1 Pnc2 Pnc21' Pn'c2' Pnc'2' Pn'c'2 P_anc2 P_bnc2 P_cnc2 P_Anc2 P_Bnc2 P_Cnc2 P_Inc2 Pmn2_1
Pmn2_11' Pm'n2_1' Pmn'2_1' Pm'n'2_1 P_amn2_1 P_bmn2_1 P_cmn2_1 P_Amn2_1 P_Bmn2_1 P_Cmn2_1 P_Imn2_1 Pba2 Pba21' Pb'a2'
Pb'a'2 P_cba2 P_bba2 P_Cba2 P_Aba2 P_Iba2 Pna2_1 Pna2_11' Pn'a2_1' Pna'2_1' Pn'a'2_1 P_ana2_1 P_bna2_1 P_cna2_1
P_Ana2_1 P_Bna2_1 P_Cna2_1 P_Ina2_1 Pnn2 Pnn21' Pn'n2' Pn'n'2 P_ann2 P_cnn2 P_Ann2 P_Cnn2 P_Inn2 Cmm2 Cmm21' Cm'm2'
Cm'm'2 C_cmm2 C_amm2 C_Amm2 Cmc2_1 Cmc2_11' Cm'c2_1' Cmc'2_1' Cm'c'2_1 C_cmc2_1 C_amc2_1 C_Amc2_1 Ccc2 Ccc21' Cc'c2'
Cc'c'2 C_ccc2 C_acc2 C_Acc2 Amm2 Amm21' Am'm2' Amm'2' Am'm'2 A_amm2 A_bmm2 A_Bmm2 Abm2 Abm21' Ab'm2' Abm'2' Ab'm'2
A_abm2 A_bbm2 A_Bbm2 Ama2 Ama21' Am'a2' Ama'2' Am'a'2 A_ama2 A_bma2 A_Bma2 Aba2 Aba21' Ab'a2' Aba'2' Ab'a'2 A_aba2
A_bba2 A_Bba2 Fmm2 Fmm21' Fm'm2' Fm'm'2 F_Smm2 Fdd2 Fdd21' Fd'd2' Fd'd'2 F_Sdd2 Imm2 Imm21' Im'm2' Im'm'2 I_cmm2
I_amm2 Iba2 Iba21' Ib'a2' Ib'a'2 I_cba2 I_aba2 Ima2 Ima21' Im'a2' Ima'2' Im'a'2 I_cma2 I_ama2 I_bma2 Pmmm Pmmm1' Pm'mm
Pm'm'm Pm'm'm' P_ammm P_Cmmm P_Immm Pnnn Pnnn1' Pn'nn Pn'n'n Pn'n'n' P_cnnn P_Cnnn P_Innn Pccm Pccm1' Pc'cm Pccm'
Pc'c'm Pc'cm' Pc'c'm' P_accm P_cccm P_Bccm P_Cccm P_Iccm Pban Pban1' Pb'an Pban' Pb'a'n Pb'an' Pb'a'n' P_aban P_cban
P_Aban P_Cban P_Iban Pmma Pmma1' Pm'ma Pmm'a Pmma' Pm'm'a Pmm'a' Pm'ma' Pm'm'a' P_amma P_bmma P_cmma P_Amma P_Bmma
P_Cmma P_Imma Pnna Pnna1' Pn'na Pnn'a Pnna' Pn'n'a Pnn'a' Pn'na' Pn'n'a' P_anna P_bnna P_cnna P_Anna P_Bnna P_Cnna
P_Inna Pmna Pmna1' Pm'na Pmn'a Pmna' Pm'n'a Pmn'a' Pm'na' Pm'n'a' P_amna P_bmna P_cmna P_Amna P_Bmna P_Cmna P_Imna
Pcca Pcca1' Pc'ca Pcc'a Pcca' Pc'c'a Pcc'a' Pc'ca' Pc'c'a' P_acca P_bcca P_ccca P_Acca P_Bcca P_Ccca P_Icca Pbam
Pbam1' Pb'am Pbam' Pb'a'm Pb'am' Pb'a'm' P_abam P_cbam P_Abam P_Cbam P_Ibam Pccn Pccn1' Pc'cn Pccn' Pc'c'n Pc'cn'
Pc'c'n' P_bccn P_cccn P_Accn P_Cccn P_Iccn Pbcm Pbcm1' Pb'cm Pbc'm Pbcm' Pb'c'm Pbc'm' Pb'cm' Pb'c'm' P_abcm P_bbcm
P_cbcm P_Abcm P_Bbcm P_Cbcm P_Ibcm Pnnm Pnnm1' Pn'nm Pnnm' Pn'n'm Pnn'm' Pn'n'm' P_annm P_cnnm P_Bnnm P_Cnnm P_Innm
Pmmn Pmmn1' Pm'mn Pmmn' Pm'm'n Pmm'n' Pm'm'n' P_bmmn P_cmmn P_Bmmn P_Cmmn P_Immn Pbcn Pbcn1' Pb'cn Pbc'n Pbcn' Pb'c'n
Pbc'n' Pb'cn' Pb'c'n' P_abcn P_bbcn P_cbcn P_Abcn P_Bbcn P_Cbcn P_Ibcn Pbca Pbca1' Pb'ca Pb'c'a Pb'c'a' P_abca P_Cbca
P_Ibca Pnma Pnma1' Pn'ma Pnm'a Pnma' Pn'm'a Pnm'a' Pn'ma' Pn'm'a' P_anma P_bnma P_cnma P_Anma P_Bnma P_Cnma P_Inma
Cmcm Cmcm1' Cm'cm Cmc'm Cmcm' Cm'c'm Cmc'm' Cm'cm' Cm'c'm' C_cmcm C_amcm C_Amcm Cmca Cmca1' Cm'ca Cmc'a Cmca' Cm'c'a
Cmc'a' Cm'ca' Cm'c'a' C_cmca C_amca C_Amca Cmmm Cmmm1' Cm'mm Cmmm' Cm'm'm Cmm'm' Cm'm'm' C_cmmm C_ammm C_Ammm Cccm
Cccm1' Cc'cm Cccm' Cc'c'm Ccc'm' Cc'c'm' C_cccm C_accm C_Accm Cmma Cmma1' Cm'ma Cmma' Cm'm'a Cmm'a' Cm'm'a' C_cmma
C_amma C_Amma Ccca Ccca1' Cc'ca Ccca' Cc'c'a Ccc'a' Cc'c'a' C_ccca C_acca C_Acca Fmmm Fmmm1' Fm'mm Fm'm'm Fm'm'm'
F_Smmm Fddd Fddd1' Fd'dd Fd'd'd Fd'd'd' F_Sddd Immm Immm1' Im'mm Im'm'm Im'm'm' I_cmmm Ibam Ibam1' Ib'am Ibam' Ib'a'm
Iba'm' Ib'a'm' I_cbam I_bbam Ibca Ibca1' Ib'ca Ib'c'a Ib'c'a' I_cbca Imma Imma1' Im'ma Imma' Im'm'a Imm'a' Im'm'a'
I_cmma I_bmma P4 P41' P4' P_c4 P_C4 P_I4 P4_1 P4_11' P4_1' P_c4_1 P_C4_1 P_I4_1 P4_2 P4_21' P4_2' P_c4_2 P_C4_2 P_I4_2
P4_3 P4_31' P4_3' P_c4_3 P_C4_3 P_I4_3 I4 I41' I4' I_c4 I4_1 I4_11' I4_1' I_c4_1 P-4 P-41' P-4' P_c-4 P_C-4 P_I-4 I-4
I-41' I-4' I_c-4 P4/m P4/m1' P4'/m P4/m' P4'/m' P_c4/m P_C4/m P_I4/m P4_2/m P4_2/m1' P4_2'/m P4_2/m' P4_2'/m' P_c4_2/m
P_C4_2/m P_I4_2/m P4/n P4/n1' P4'/n P4/n' P4'/n' P_c4/n P_C4/n P_I4/n P4_2/n P4_2/n1' P4_2'/n P4_2/n' P4_2'/n'
P_c4_2/n P_C4_2/n P_I4_2/n I4/m I4/m1' I4'/m I4/m' I4'/m' I_c4/m I4_1/a I4_1/a1' I4_1'/a I4_1/a' I4_1'/a' I_c4_1/a
P422 P4221' P4'22' P42'2' P4'2'2 P_c422 P_C422 P_I422 P42_12 P42_121' P4'2_12' P42_1'2' P4'2_1'2 P_c42_12 P_C42_12
P_I42_12 P4_122 P4_1221' P4_1'22' P4_12'2' P4_1'2'2 P_c4_122 P_C4_122 P_I4_122 P4_12_12 P4_12_121' P4_1'2_12'
P4_12_1'2' P4_1'2_1'2 P_c4_12_12 P_C4_12_12 P_I4_12_12 P4_222 P4_2221' P4_2'22' P4_22'2' P4_2'2'2 P_c4_222 P_C4_222
P_I4_222 P4_22_12 P4_22_121' P4_2'2_12' P4_22_1'2' P4_2'2_1'2 P_c4_22_12 P_C4_22_12 P_I4_22_12 P4_322 P4_3221'
P4_3'22' P4_32'2' P4_3'2'2 P_c4_322 P_C4_322 P_I4_322 P4_32_12 P4_32_121' P4_3'2_12' P4_32_1'2' P4_3'2_1'2 P_c4_32_12
P_C4_32_12 P_I4_32_12 I422 I4221' I4'22' I42'2' I4'2'2 I_c422 I4_122 I4_1221' I4_1'22' I4_12'2' I4_1'2'2 I_c4_122 P4mm
P4mm1' P4'm'm P4'mm' P4m'm' P_c4mm P_C4mm P_I4mm P4bm P4bm1' P4'b'm P4'bm' P4b'm' P_c4bm P_C4bm P_I4bm P4_2cm P4_2cm1'
P4_2'c'm P4_2'cm' P4_2c'm' P_c4_2cm P_C4_2cm P_I4_2cm P4_2nm P4_2nm1' P4_2'n'm P4_2'nm' P4_2n'm' P_c4_2nm P_C4_2nm
P_I4_2nm P4cc P4cc1' P4'c'c P4'cc' P4c'c' P_c4cc P_C4cc P_I4cc P4nc P4nc1' P4'n'c P4'nc' P4n'c' P_c4nc P_C4nc P_I4nc
P4_2mc P4_2mc1' P4_2'm'c P4_2'mc' P4_2m'c' P_c4_2mc P_C4_2mc P_I4_2mc P4_2bc P4_2bc1' P4_2'b'c P4_2'bc' P4_2b'c'
P_c4_2bc P_C4_2bc P_I4_2bc I4mm I4mm1' I4'm'm I4'mm' I4m'm' I_c4mm I4cm I4cm1' I4'c'm I4'cm' I4c'm' I_c4cm I4_1md
I4_1md1' I4_1'm'd I4_1'md' I4_1m'd' I_c4_1md I4_1cd I4_1cd1' I4_1'c'd I4_1'cd' I4_1c'd' I_c4_1cd P-42m P-42m1' P-4'2'm
P-4'2m' P-42'm' P_c-42m P_C-42m P_I-42m P-42c P-42c1' P-4'2'c P-4'2c' P-42'c' P_c-42c P_C-42c P_I-42c P-42_1m
P-42_1m1' P-4'2_1'm P-4'2_1m' P-42_1'm' P_c-42_1m P_C-42_1m P_I-42_1m P-42_1c P-42_1c1' P-4'2_1'c P-4'2_1c' P-42_1'c'
P_c-42_1c P_C-42_1c P_I-42_1c P-4m2 P-4m21' P-4'm'2 P-4'm2' P-4m'2' P_c-4m2 P_C-4m2 P_I-4m2 P-4c2 P-4c21' P-4'c'2
P-4'c2' P-4c'2' P_c-4c2 P_C-4c2 P_I-4c2 P-4b2 P-4b21' P-4'b'2 P-4'b2' P-4b'2' P_c-4b2 P_C-4b2 P_I-4b2 P-4n2 P-4n21'
P-4'n'2 P-4'n2' P-4n'2' P_c-4n2 P_C-4n2 P_I-4n2 I-4m2 I-4m21' I-4'm'2 I-4'm2' I-4m'2' I_c-4m2 I-4c2 I-4c21' I-4'c'2
I-4'c2' I-4c'2' I_c-4c2 I-42m I-42m1' I-4'2'm I-4'2m' I-42'm' I_c-42m I-42d I-42d1' I-4'2'd I-4'2d' I-42'd' I_c-42d
P4/mmm P4/mmm1' P4/m'mm P4'/mm'm P4'/mmm' P4'/m'm'm P4/mm'm' P4'/m'mm' P4/m'm'm' P_c4/mmm P_C4/mmm P_I4/mmm P4/mcc
P4/mcc1' P4/m'cc P4'/mc'c P4'/mcc' P4'/m'c'c P4/mc'c' P4'/m'cc' P4/m'c'c' P_c4/mcc P_C4/mcc P_I4/mcc P4/nbm P4/nbm1'
P4/n'bm P4'/nb'm P4'/nbm' P4'/n'b'm P4/nb'm' P4'/n'bm' P4/n'b'm' P_c4/nbm P_C4/nbm P_I4/nbm P4/nnc P4/nnc1' P4/n'nc
P4'/nn'c P4'/nnc' P4'/n'n'c P4/nn'c' P4'/n'nc' P4/n'n'c' P_c4/nnc P_C4/nnc P_I4/nnc P4/mbm P4/mbm1' P4/m'bm P4'/mb'm
P4'/mbm' P4'/m'b'm P4/mb'm' P4'/m'bm' P4/m'b'm' P_c4/mbm P_C4/mbm P_I4/mbm P4/mnc P4/mnc1' P4/m'nc P4'/mn'c P4'/mnc'
P4'/m'n'c P4/mn'c' P4'/m'nc' P4/m'n'c' P_c4/mnc P_C4/mnc P_I4/mnc P4/nmm P4/nmm1' P4/n'mm P4'/nm'm P4'/nmm' P4'/n'm'm
P4/nm'm' P4'/n'mm' P4/n'm'm' P_c4/nmm P_C4/nmm P_I4/nmm P4/ncc P4/ncc1' P4/n'cc P4'/nc'c P4'/ncc' P4'/n'c'c P4/nc'c'
P4'/n'cc' P4/n'c'c' P_c4/ncc P_C4/ncc P_I4/ncc P4_2/mmc P4_2/mmc1' P4_2/m'mc P4_2'/mm'c P4_2'/mmc' P4_2'/m'm'c
P4_2/mm'c' P4_2'/m'mc' P4_2/m'm'c' P_c4_2/mmc P_C4_2/mmc P_I4_2/mmc P4_2/mcm P4_2/mcm1' P4_2/m'cm P4_2'/mc'm
P4_2'/mcm' P4_2'/m'c'm P4_2/mc'm' P4_2'/m'cm' P4_2/m'c'm' P_c4_2/mcm P_C4_2/mcm P_I4_2/mcm P4_2/nbc P4_2/nbc1'
P4_2/n'bc P4_2'/nb'c P4_2'/nbc' P4_2'/n'b'c P4_2/nb'c' P4_2'/n'bc' P4_2/n'b'c' P_c4_2/nbc P_C4_2/nbc P_I4_2/nbc
P4_2/nnm P4_2/nnm1' P4_2/n'nm P4_2'/nn'm P4_2'/nnm' P4_2'/n'n'm P4_2/nn'm' P4_2'/n'nm' P4_2/n'n'm' P_c4_2/nnm
P_C4_2/nnm P_I4_2/nnm P4_2/mbc P4_2/mbc1' P4_2/m'bc P4_2'/mb'c P4_2'/mbc' P4_2'/m'b'c P4_2/mb'c' P4_2'/m'bc'
P4_2/m'b'c' P_c4_2/mbc P_C4_2/mbc P_I4_2/mbc P4_2/mnm P4_2/mnm1' P4_2/m'nm P4_2'/mn'm P4_2'/mnm' P4_2'/m'n'm
P4_2/mn'm' P4_2'/m'nm' P4_2/m'n'm' P_c4_2/mnm P_C4_2/mnm P_I4_2/mnm P4_2/nmc P4_2/nmc1' P4_2/n'mc P4_2'/nm'c
P4_2'/nmc' P4_2'/n'm'c P4_2/nm'c' P4_2'/n'mc' P4_2/n'm'c' P_c4_2/nmc P_C4_2/nmc P_I4_2/nmc P4_2/ncm P4_2/ncm1'
P4_2/n'cm P4_2'/nc'm P4_2'/ncm' P4_2'/n'c'm P4_2/nc'm' P4_2'/n'cm' P4_2/n'c'm' P_c4_2/ncm P_C4_2/ncm P_I4_2/ncm I4/mmm
I4/mmm1' I4/m'mm I4'/mm'm I4'/mmm' I4'/m'm'm I4/mm'm' I4'/m'mm' I4/m'm'm' I_c4/mmm I4/mcm I4/mcm1' I4/m'cm I4'/mc'm
I4'/mcm' I4'/m'c'm I4/mc'm' I4'/m'cm' I4/m'c'm' I_c4/mcm I4_1/amd I4_1/amd1' I4_1/a'md I4_1'/am'd I4_1'/amd'
I4_1'/a'm'd I4_1/am'd' I4_1'/a'md' I4_1/a'm'd' I_c4_1/amd I4_1/acd I4_1/acd1' I4_1/a'cd I4_1'/ac'd I4_1'/acd'
I4_1'/a'c'd I4_1/ac'd' I4_1'/a'cd' I4_1/a'c'd' I_c4_1/acd P3 P31' P_c3 P3_1 P3_11' P_c3_1 P3_2 P3_21' P_c3_2 R3 R31'
R_I3 P-3 P-31' P-3' P_c-3 R-3 R-31' R-3' R_I-3 P312 P3121' P312' P_c312 P321 P3211' P32'1 P_c321 P3_112 P3_1121'
P3_112' P_c3_112 P3_121 P3_1211' P3_12'1 P_c3_121 P3_212 P3_2121' P3_212' P_c3_212 P3_221 P3_2211' P3_22'1 P_c3_221
R32 R321' R32' R_I32 P3m1 P3m11' P3m'1 P_c3m1 P31m P31m1' P31m' P_c31m P3c1 P3c11' P3c'1 P_c3c1 P31c P31c1' P31c'
P_c31c R3m R3m1' R3m' R_I3m R3c R3c1' R3c' R_I3c P-31m P-31m1' P-3'1m P-3'1m' P-31m' P_c-31m P-31c P-31c1' P-3'1c
P-3'1c' P-31c' P_c-31c P-3m1 P-3m11' P-3'm1 P-3'm'1 P-3m'1 P_c-3m1 P-3c1 P-3c11' P-3'c1 P-3'c'1 P-3c'1 P_c-3c1 R-3m
R-3m1' R-3'm R-3'm' R-3m' R_I-3m R-3c R-3c1' R-3'c R-3'c' R-3c' R_I-3c P6 P61' P6' P_c6 P6_1 P6_11' P6_1' P_c6_1 P6_5
P6_51' P6_5' P_c6_5 P6_2 P6_21' P6_2' P_c6_2 P6_4 P6_41' P6_4' P_c6_4 P6_3 P6_31' P6_3' P_c6_3 P-6 P-61' P-6' P_c-6
P6/m P6/m1' P6'/m P6/m' P6'/m' P_c6/m P6_3/m P6_3/m1' P6_3'/m P6_3/m' P6_3'/m' P_c6_3/m P622 P6221' P6'2'2 P6'22'
P62'2' P_c622 P6_122 P6_1221' P6_1'2'2 P6_1'22' P6_12'2' P_c6_122 P6_522 P6_5221' P6_5'2'2 P6_5'22' P6_52'2' P_c6_522
P6_222 P6_2221' P6_2'2'2 P6_2'22' P6_22'2' P_c6_222 P6_422 P6_4221' P6_4'2'2 P6_4'22' P6_42'2' P_c6_422 P6_322
P6_3221' P6_3'2'2 P6_3'22' P6_32'2' P_c6_322 P6mm P6mm1' P6'm'm P6'mm' P6m'm' P_c6mm P6cc P6cc1' P6'c'c P6'cc' P6c'c'
P_c6cc P6_3cm P6_3cm1' P6_3'c'm P6_3'cm' P6_3c'm' P_c6_3cm P6_3mc P6_3mc1' P6_3'm'c P6_3'mc' P6_3m'c' P_c6_3mc P-6m2
P-6m21' P-6'm'2 P-6'm2' P-6m'2' P_c-6m2 P-6c2 P-6c21' P-6'c'2 P-6'c2' P-6c'2' P_c-6c2 P-62m P-62m1' P-6'2'm P-6'2m'
P-62'm' P_c-62m P-62c P-62c1' P-6'2'c P-6'2c' P-62'c' P_c-62c P6/mmm P6/mmm1' P6/m'mm P6'/mm'm P6'/mmm' P6'/m'm'm
P6'/m'mm' P6/mm'm' P6/m'm'm' P_c6/mmm P6/mcc P6/mcc1' P6/m'cc P6'/mc'c P6'/mcc' P6'/m'c'c P6'/m'cc' P6/mc'c' P6/m'c'c'
P_c6/mcc P6_3/mcm P6_3/mcm1' P6_3/m'cm P6_3'/mc'm P6_3'/mcm' P6_3'/m'c'm P6_3'/m'cm' P6_3/mc'm' P6_3/m'c'm' P_c6_3/mcm
P6_3/mmc P6_3/mmc1' P6_3/m'mc P6_3'/mm'c P6_3'/mmc' P6_3'/m'm'c P6_3'/m'mc' P6_3/mm'c' P6_3/m'm'c' P_c6_3/mmc P23
P231' P_I23 F23 F231' F_S23 I23 I231' P2_13 P2_131' P_I2_13 I2_13 I2_131' Pm-3 Pm-31' Pm'-3' P_Im-3 Pn-3 Pn-31' Pn'-3'
P_In-3 Fm-3 Fm-31' Fm'-3' F_Sm-3 Fd-3 Fd-31' Fd'-3' F_Sd-3 Im-3 Im-31' Im'-3' Pa-3 Pa-31' Pa'-3' P_Ia-3 Ia-3 Ia-31'
Ia'-3' P432 P4321' P4'32' P_I432 P4_232 P4_2321' P4_2'32' P_I4_232 F432 F4321' F4'32' F_S432 F4_132 F4_1321' F4_1'32'
F_S4_132 I432 I4321' I4'32' P4_332 P4_3321' P4_3'32' P_I4_332 P4_132 P4_1321' P4_1'32' P_I4_132 I4_132 I4_1321'
I4_1'32' P-43m P-43m1' P-4'3m' P_I-43m F-43m F-43m1' F-4'3m' F_S-43m I-43m I-43m1' I-4'3m' P-43n P-43n1' P-4'3n'
P_I-43n F-43c F-43c1' F-4'3c' F_S-43c I-43d I-43d1' I-4'3d' Pm-3m Pm-3m1' Pm'-3'm Pm-3m' Pm'-3'm' P_Im-3m Pn-3n
Pn-3n1' Pn'-3'n Pn-3n' Pn'-3'n' P_In-3n Pm-3n Pm-3n1' Pm'-3'n Pm-3n' Pm'-3'n' P_Im-3n Pn-3m Pn-3m1' Pn'-3'm Pn-3m'
Pn'-3'm' P_In-3m Fm-3m Fm-3m1' Fm'-3'm Fm-3m' Fm'-3'm' F_Sm-3m Fm-3c Fm-3c1' Fm'-3'c Fm-3c' Fm'-3'c' F_Sm-3c Fd-3m
Fd-3m1' Fd'-3'm Fd-3m' Fd'-3'm' F_Sd-3m Fd-3c Fd-3c1' Fd'-3'c Fd-3c' Fd'-3'c' F_Sd-3c Im-3m Im-3m1' Im'-3'm Im-3m'
Im'-3'm' Ia-3d Ia-3d1' Ia'-3'd Ia-3d' Ia'-3'd'"""
SYMBOLS = tuple(_TABLE.split())
